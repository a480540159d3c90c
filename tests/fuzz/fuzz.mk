# make fuzz: runs the targets fuzz_*.c here with libFuzzer, each for FUZZ_SECONDS; FUZZ_TARGETS names
# some of them. The normal build has them too, with replay.c in the place of libFuzzer, so that they
# cannot rot, and make check replays what is in corpus/TARGET. Other .c files are linked into each.

FUZZ_SECONDS ?= 60
FUZZ_BUILD   ?= build-fuzz
fuzz_all     := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
# Without the program, HTTP or AllData there is nothing to aim at; config needs the keys of the fake driver.
fuzz_all     := $(filter-out $(if $(HTTP),,http server) $(if $(ALLDATA),,gossip wire) $(if $(ALLDATA_HTTP),,alldata) $(if $(and $(PROG),$(fake)),,config),$(fuzz_all))
FUZZ_TARGETS ?= $(fuzz_all)

fuzz_programs := $(fuzz_all:%=$(B)/tests/fuzz/fuzz_%)
fuzz_helpers  := $(filter-out $(B)/obj/tests/fuzz/fuzz_% $(B)/obj/tests/fuzz/replay.o,$(call objects,tests/fuzz))
fuzz_program  := $(if $(PROG),$(B)/lib/program-internal.a)
# In the place of replay.c, set by make fuzz.
FUZZ_ENGINE   ?=
fuzz_main     := $(if $(FUZZ_ENGINE),,$(B)/obj/tests/fuzz/replay.o)

$(B)/obj/tests/fuzz/%.o: private ROOM = -Ilib -Isrc/repliagent -Isrc/common -Itests/fuzz $(CORE_CFLAGS) $(HTTP_CFLAGS) \
                                        $(PROG_CFLAGS)
$(fuzz_programs): $(B)/tests/%: $(B)/obj/tests/%.o $(fuzz_helpers) $(fuzz_main) $(fuzz_program) $(internal)
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(link) $(FUZZ_ENGINE) -rdynamic -o $@ $^ $(PROG_LIBS) $(HTTP_LIBS) $(CORE_LIBS) $(if $(ALLDATA),$(ALLDATA_LIBS)) $(NATS_LIBS) -ldl $(LDLIBS)

all: $(fuzz_programs)
fuzz-programs: $(fuzz_programs) $(BUILT_DRIVERS:%=$(B)/drivers/driver_%.so)

# deps.sh has seen to clang.
fuzz:
	@$(MAKE) --no-print-directory fuzz-programs CC=clang BUILD='$(FUZZ_BUILD)' DEPS='$(DEPS)' \
	    SANITIZE=fuzzer-no-link,address,undefined FUZZ_ENGINE=-fsanitize=fuzzer CFLAGS='-O1 -g'
	@BUILD='$(abspath $(FUZZ_BUILD))' tools/fuzz.sh '$(FUZZ_SECONDS)' $(FUZZ_TARGETS)

.PHONY: fuzz-programs
