# One folder, one driver: drivers/NAME/*.c -> build/drivers/driver_NAME.so. It sees include/ and
# nothing else of ours, and links none of our libraries. drivers/NAME/driver.mk may say
#
#   driver_NAME_PKGS = pkg-config modules of the client library

include $(wildcard drivers/*/driver.mk)

has_client  = $(shell $(PKG_CONFIG) --exists $(driver_$(1)_PKGS) 2>/dev/null && echo yes)
has_driver  = $(if $(driver_$(1)_PKGS),$(has_client),yes)
BUILT_DRIVERS := $(foreach d,$(DRIVERS),$(if $(call has_driver,$(d)),$(d)))
LEFT_OUT      := $(filter-out $(BUILT_DRIVERS),$(DRIVERS))

# driver_NAME.a, for programs of this tree that register a driver without dlopen, is made on demand.
define driver
$(B)/obj/drivers/$(1)/%.o: private ROOM = $$(call cflags,$$(driver_$(1)_PKGS))
$(B)/drivers/driver_$(1).so: $$(call objects,drivers/$(1)) $(B)/files
	$$(call say,LD)
	@mkdir -p $$(@D)
	$$(Q)$$(link) -shared -Wl,-z,nodelete -o $$@ $$(filter %.o,$$^) \
	    $$(call libs,$$(driver_$(1)_PKGS)) $$(LDLIBS)
	@chmod go-w $$@ $$(@D)
$(B)/drivers/driver_$(1).a: $$(call objects,drivers/$(1)) $(B)/files
	$$(call say,AR)
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(Q)$$(AR) rcs $$@ $$(filter %.o,$$^)
all: $(B)/drivers/driver_$(1).so
endef
$(foreach d,$(BUILT_DRIVERS),$(eval $(call driver,$(d))))

ifneq ($(LEFT_OUT),)
all: left-out
left-out:
	@printf '  left out: %s\n' $(foreach d,$(LEFT_OUT),'driver $(d) (no $(driver_$(d)_PKGS))')
.PHONY: left-out
endif
