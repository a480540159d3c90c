# One folder, one driver: drivers/NAME/*.c -> build/drivers/driver_NAME.so. It sees include/ and
# nothing else of ours, and links nothing of the agent's. drivers/NAME/driver.mk may say
#
#   driver_NAME_PKGS = pkg-config modules of the client library
#   driver_NAME_OURS = client libraries of this tree, which become part of it
#   driver_NAME_LIBS = what those need

include $(wildcard drivers/*/driver.mk)

has_client  = $(shell $(PKG_CONFIG) --exists $(driver_$(1)_PKGS) 2>/dev/null && echo yes)
has_ours    = $(if $(filter-out $(ALLDATA) $(ALLDATA_HTTP),$(driver_$(1)_OURS)),,yes)
has_driver  = $(and $(if $(driver_$(1)_PKGS),$(has_client),yes),$(has_ours))
ours        = $(patsubst %,$(B)/lib/%.a,$(driver_$(1)_OURS))
BUILT_DRIVERS := $(foreach d,$(DRIVERS),$(if $(call has_driver,$(d)),$(d)))
LEFT_OUT      := $(filter-out $(BUILT_DRIVERS),$(DRIVERS))

# driver_NAME.a, for programs of this tree that register a driver without dlopen, is made on demand.
define driver
$(B)/obj/drivers/$(1)/%.o: private ROOM = $$(call cflags,$$(driver_$(1)_PKGS))
$(B)/drivers/driver_$(1).so: $$(call objects,drivers/$(1)) $$(call ours,$(1)) $(B)/files
	$$(call say,LD)
	@mkdir -p $$(@D)
	$$(Q)$$(link) -shared -Wl,-z,nodelete $$(if $$(driver_$(1)_OURS),-Wl$$(comma)--exclude-libs$$(comma)ALL) \
	    -o $$@ $$(filter %.o,$$^) $$(call ours,$(1)) \
	    $$(call libs,$$(driver_$(1)_PKGS)) $$(driver_$(1)_LIBS) $$(LDLIBS)
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
	@printf '  left out: %s\n' $(foreach d,$(LEFT_OUT),'driver $(d) (no $(or $(driver_$(d)_PKGS),$(driver_$(d)_OURS)))')
.PHONY: left-out
endif
