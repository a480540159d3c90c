# Tests by kind, one folder a kind, found by wildcard:
#
#   tests/GROUP/check_*.c   a libcheck program each; other .c files beside them are linked into each
#   tests/GROUP/*.sh        a script each, ending with a line "N passed, N failed"
#   tests/support/*.c       linked into every test program
#   tests/plugins/*.c       a loadable object each, for tests of the driver loader
#
# Groups run in this order. Unit tests see internal names; the others see what a user sees.

FAST_GROUPS := unit api
GROUPS      := $(FAST_GROUPS) headers build man program
GROUPS      += $(filter-out $(GROUPS) support plugins kill,$(notdir $(patsubst %/,%,$(wildcard tests/*/)))) kill

no_http := $(if $(PROG),,api program kill $(ALL_DRIVERS))
scripts  = $(patsubst tests/%,%,$(sort $(wildcard tests/$(1)/*.sh)))
programs = $(if $(filter $(no_http),$(1)),,$(patsubst tests/%.c,%,$(sort $(wildcard tests/$(1)/check_*.c))))
tests    = $(foreach g,$(1),$(call programs,$(g)) $(call scripts,$(g)))

internal := $(if $(HTTP),$(B)/lib/http-internal.a) $(if $(CORE),$(B)/lib/core-internal.a)
shared   := $(patsubst %,$(B)/lib/%.so,$(HTTP) $(CORE))
fake     := $(if $(filter fake,$(BUILT_DRIVERS)),$(B)/drivers/driver_fake.a)
unit_lib    := $(internal)
program_lib := $(if $(PROG),$(B)/lib/program-internal.a $(static_libs))

$(B)/obj/tests/%.o:         ROOM = -Itests/support $(TEST_CFLAGS)
$(B)/obj/tests/unit/%.o:    ROOM = -Ilib -Itests/support $(TEST_CFLAGS) $(CORE_CFLAGS) $(HTTP_CFLAGS)
$(B)/obj/tests/program/%.o: ROOM = -Isrc/repliagent -Itests/support $(TEST_CFLAGS) $(PROG_CFLAGS)

SUPPORT := $(call objects,tests/support)
.SECONDARY: $(SUPPORT)

# $(call test_group,GROUP)
define test_group
$(1)_helpers := $$(filter-out $(B)/obj/tests/$(1)/check_%,$$(call objects,tests/$(1)))
$$(patsubst %,$(B)/tests/%,$(call programs,$(1))): \
    $(B)/tests/%: $(B)/obj/tests/%.o $$($(1)_helpers) $$(SUPPORT) $$(or $$($(1)_lib),$$(shared)) $$(fake)
	$$(call say,LD)
	@mkdir -p $$(@D)
	$$(Q)$$(link) -Wl,-rpath,$$(abspath $(B)/lib) -o $$@ $$^ $$(TEST_LIBS) \
	    $$(if $$($(1)_lib),$$(PROG_LIBS) $$(HTTP_LIBS) $$(CORE_LIBS) -ldl) $$(LDLIBS)
endef
$(foreach g,$(GROUPS),$(eval $(call test_group,$(g))))

plugins := $(patsubst %.c,$(B)/%.so,$(wildcard tests/plugins/*.c))
$(plugins): $(B)/%.so: $(B)/obj/%.o
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(link) -shared -o $@ $^ $(LDLIBS)

# Headers, manual and packaging have nothing to say about a sanitizer's build.
check_groups := $(if $(SANITIZE),$(filter-out headers build man,$(GROUPS)),$(GROUPS))
ONLY ?=
chosen = $(if $(ONLY),$(filter $(ONLY) $(ONLY)/% $(ONLY).sh,$(call tests,$(GROUPS))),$(call tests,$(1)))

run_tests = BUILD='$(abspath $(B))' CC='$(CC)' PKG_CONFIG='$(PKG_CONFIG)' MAKE='$(MAKE)' \
    SANITIZE='$(SANITIZE)' VALGRIND='$(VALGRIND)' tests/run.sh

check:      all $(plugins) $(addprefix $(B)/tests/,$(filter-out %.sh,$(call chosen,$(check_groups))))
	@$(run_tests) $(call chosen,$(check_groups))

check-fast: all $(plugins) $(addprefix $(B)/tests/,$(filter-out %.sh,$(call chosen,$(FAST_GROUPS))))
	@$(if $(wildcard tests/unit/*.c),$(run_tests) $(call chosen,$(FAST_GROUPS)),echo '0%: Checks: 0')

run: all
	@BUILD='$(abspath $(B))' tools/make-run.sh

bench soak fuzz: all

include $(wildcard tests/*/*.mk)

.PHONY: check check-fast run bench soak fuzz
