# Drivers for the check: one that keeps every rule (drivers/sound.c) and, in the other files of that
# folder, ones that break one each, for a store made for it. Beside each other in
# build/tests/conformance/drivers, so that they can be tried by hand as well.

drivers_dir    := $(B)/tests/conformance/drivers
check_drivers  := $(patsubst tests/conformance/drivers/%.c,$(drivers_dir)/driver_%.so, \
                      $(wildcard tests/conformance/drivers/*.c))
check_store    := $(B)/tests/conformance/store
check_base_obj := $(call objects,tests/conformance/drivers/base)

$(B)/obj/tests/conformance/%.o:         private ROOM = $(TEST_ROOM) $(CORE_CFLAGS)
$(B)/obj/tests/conformance/drivers/%.o: private ROOM =

.SECONDARY: $(check_drivers:$(drivers_dir)/driver_%.so=$(B)/obj/tests/conformance/drivers/%.o) $(check_base_obj)

conformance_libs := $(CORE_LIBS)

$(drivers_dir)/driver_%.so: $(B)/obj/tests/conformance/drivers/%.o $(check_base_obj)
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(link) -shared $(if $(filter unloaded,$*),,-Wl$(comma)-z$(comma)nodelete) -o $@ $^ $(LDLIBS)
	@chmod go-w $@ $(@D)

$(check_store): $(call objects,tests/conformance/store)
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(link) -o $@ $^ $(LDLIBS)

$(B)/tests/conformance/check_broken $(B)/tests/conformance/check_unwatched: | $(check_drivers) $(check_store)
check-drivers: $(check_drivers) $(check_store)
.PHONY: check-drivers
