# Tests by kind, one folder a kind, found by wildcard:
#
#   tests/GROUP/check_*.c   a libcheck program each; other .c files beside them are linked into each
#   tests/GROUP/*.sh        a script each, ending with a line "N passed, N failed"; lib.sh is none
#   tests/support/*.c       linked into every test program
#   tests/stores/*.c        linked into those of groups that run real stores
#   tests/plugins/*.c       a loadable object each, for tests of the driver loader
#   tests/conformance/drivers/*.c   a driver each, for tests of repliagent check (conformance.mk)
#
# Groups run in this order. Unit tests see internal names; the others see what a user sees.

FAST_GROUPS := unit api contract
STORE_GROUPS := postgresql redis alldata-driver
GROUPS := $(FAST_GROUPS) web alldata alldata-http alldata-program fuzz fault abi embed conformance headers \
          build examples embeddings man program alldata-cluster $(STORE_GROUPS) kill

scripts  = $(filter-out %/lib.sh,$(patsubst tests/%,%,$(sort $(wildcard tests/$(1)/*.sh))))
programs = $(filter-out $(if $(NATS),,%/check_nats),$(call without_alldata,$(patsubst tests/%.c,%,$(sort $(wildcard tests/$(1)/check_*.c)))))
tests    = $(foreach g,$(1),$(call programs,$(g)) $(call scripts,$(g)))

# What a group's programs are linked with (GROUP_lib, GROUP_libs), and what its files may include;
# shared libraries and include/ if nothing else is said.
internal    := $(patsubst %,$(B)/lib/%-internal.a,$(if $(ALLDATA_HTTP),alldata-http) $(if $(NATS),alldata-nats) $(if $(ALLDATA),alldata) $(if $(HTTP),http web) core)
shared      := $(patsubst %,$(B)/lib/%.so,$(HTTP) $(NATS) $(ALLDATA_HTTP) $(ALLDATA) $(CORE))
unit_lib    := $(internal)
fault_lib   := $(internal)
program_lib := $(if $(PROG),$(B)/lib/program-internal.a $(static_libs))
web_lib     := $(patsubst %,$(B)/lib/%-internal.a,web base)
alldata_lib := $(patsubst %,$(B)/lib/%-internal.a,$(if $(NATS),alldata-nats) alldata base)
api_libs    := $(HTTP_LIBS)
alldata-http_libs := $(HTTP_LIBS) $(CORE_LIBS)
alldata-cluster_libs := $(HTTP_LIBS)
alldata-program_libs := $(HTTP_LIBS)
# What liballdata-http needs is found as well, if nothing else needs it.
alldata-driver_libs := $(CORE_LIBS) -Wl,--disable-new-dtags
fake        := $(if $(filter fake,$(BUILT_DRIVERS)),$(B)/drivers/driver_fake.a)

# Without AllData, which LevelDB may be missing for, its tests are left out.
TEST_ROOM = -Itests/support $(TEST_CFLAGS) $(if $(ALLDATA),-DWITH_ALLDATA) $(if $(NATS),-DWITH_NATS) $(if $(ALLDATA_HTTP),-DWITH_ALLDATA_HTTP)
without_alldata = $(if $(ALLDATA),$(1),$(filter-out %_alldata %/alldata.o %_alldata.o,$(1)))
$(B)/obj/tests/%.o:         private ROOM = $(TEST_ROOM)
$(B)/obj/tests/unit/%.o:    private ROOM = -Ilib $(TEST_ROOM) $(CORE_CFLAGS) $(HTTP_CFLAGS)
$(B)/obj/tests/fault/%.o:   private ROOM = -Ilib $(TEST_ROOM) $(CORE_CFLAGS) $(HTTP_CFLAGS)
$(B)/obj/tests/web/%.o:     private ROOM = -Ilib $(TEST_ROOM)
$(B)/obj/tests/alldata/%.o: private ROOM = -Ilib $(TEST_ROOM)
$(B)/obj/tests/alldata-http/%.o: private ROOM = -Itests/api $(TEST_ROOM) $(HTTP_CFLAGS) $(CORE_CFLAGS)
$(B)/obj/tests/alldata-cluster/%.o $(B)/obj/tests/alldata-program/%.o: private ROOM = -Itests/api $(TEST_ROOM)
$(B)/obj/tests/api/%.o:     private ROOM = $(TEST_ROOM) $(HTTP_CFLAGS)
$(B)/obj/tests/program/%.o: private ROOM = -Isrc/repliagent -Isrc/common $(TEST_ROOM) $(PROG_CFLAGS)

$(foreach g,$(STORE_GROUPS),$(B)/obj/tests/$(g)/%.o): private ROOM = -Itests/stores $(TEST_ROOM)

SUPPORT := $(call objects,tests/support)
.SECONDARY: $(SUPPORT)

# $(call test_group,GROUP)
define test_group
$(1)_helpers := $$(filter-out $(B)/obj/tests/$(1)/check_%,$$(call without_alldata,$$(call objects,tests/$(1)))) \
    $(if $(filter $(1),$(STORE_GROUPS)),$$(call objects,tests/stores)) \
    $(if $(filter $(1),alldata-http alldata-cluster alldata-program),$(B)/obj/tests/api/certs.o)
$$(patsubst %,$(B)/tests/%,$$(call programs,$(1))): $(B)/tests/%: $(B)/obj/tests/%.o \
    $$($(1)_helpers) $$(SUPPORT) $$(or $$($(1)_lib),$$(shared)) $$(fake)
	$$(call say,LD)
	@mkdir -p $$(@D)
	$$(Q)$$(link) -Wl,-rpath,$$(abspath $(B)/lib) -o $$@ $$^ $$(TEST_LIBS) $$($(1)_libs) \
	    $$(if $$($(1)_lib),$$(PROG_LIBS) $$(HTTP_LIBS) $$(CORE_LIBS) $$(if $$(ALLDATA),$$(ALLDATA_LIBS)) $$(NATS_LIBS) -ldl) $$(LDLIBS)
endef
$(foreach g,$(GROUPS),$(eval $(call test_group,$(g))))

plugins := $(patsubst %.c,$(B)/%.so,$(wildcard tests/plugins/*.c))
$(plugins): $(B)/%.so: $(B)/obj/%.o
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(link) -shared -o $@ $^ $(LDLIBS)

# Without the program what talks to an agent cannot be tested; a sanitizer's build has nothing to
# say about headers, packaging and manual.
groups := $(filter-out $(if $(filter program,$(PARTS)),, \
                           api contract fault embeddings conformance program $(STORE_GROUPS) kill) \
                       $(if $(HTTP),,web) $(if $(ALLDATA),,alldata) $(if $(ALLDATA_HTTP),,alldata-http alldata-driver) \
                       $(if $(ALLDATA_PROG),,alldata-program alldata-cluster) \
                       $(if $(SANITIZE),headers build examples embeddings man),$(GROUPS))

all_tests  := $(call tests,$(groups))
fast_tests := $(call tests,$(filter $(FAST_GROUPS),$(groups)))
chosen      = $(if $(ONLY),$(filter $(ONLY) $(ONLY:%=%/%) $(ONLY:%=%.sh),$(all_tests)),$(1))
# Those that embed/http.sh runs as well, if there is anything for them to ask.
api_programs = $(filter api/check_http_%,$(all_tests))
binaries    = $(patsubst %,$(B)/tests/%,$(filter-out %.sh,$(1))) $(plugins) \
              $(if $(filter embed/http.sh,$(1)),$(patsubst %,$(B)/tests/%,$(api_programs))) \
              $(if $(filter examples/% embeddings/%,$(1)),$(B)/stage)

# What is installed, for what is built against that alone.
$(B)/stage: all
	@rm -rf $@
	$(Q)$(MAKE) --no-print-directory install DESTDIR='$(abspath $@)' DEPS=no

# Spelled otherwise, make -n would run the tests.
this_make := $(MAKE)

check:      TESTS = $(call chosen,$(all_tests))
check-fast: TESTS = $(call chosen,$(fast_tests))
check:      all $(call binaries,$(call chosen,$(all_tests)))
check-fast: all $(call binaries,$(call chosen,$(fast_tests)))
check check-fast:
	@BUILD='$(abspath $(B))' CC='$(CC)' PKG_CONFIG='$(PKG_CONFIG)' MAKE='$(this_make)' \
	    SANITIZE='$(SANITIZE)' VALGRIND='$(VALGRIND)' JOBS='$(JOBS)' FIRST='$(FAST_GROUPS)' \
	    tests/run.sh $(TESTS)

# Every test program, without running them.
tests: $(call binaries,$(all_tests))

run: all
	@BUILD='$(abspath $(B))' tools/make-run.sh
run-postgresql: all
	@BUILD='$(abspath $(B))' tools/run-postgresql.sh

# bench, soak and fuzz bring their own rules, in tests/NAME/NAME.mk.
fragments := $(wildcard tests/*/*.mk)
include $(fragments)
absent := $(foreach t,bench soak fuzz,$(if $(filter %/$(t).mk,$(fragments)),,$(t)))
$(absent): all
	@echo 'there is no tests/$@ yet'

.PHONY: check check-fast tests run run-postgresql bench soak fuzz
