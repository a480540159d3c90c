# make bench: every program bench_*.c and script bench_*.sh here. Each measures beside something plain
# that does the same, and is given a directory to work in. Other .c files are linked into each.
# BENCH_QUICK=1 has fewer rounds and a tenth of the records; BENCH=store runs only bench_store.

bench_programs := $(patsubst tests/%.c,$(B)/tests/%,$(sort $(filter-out $(if $(HTTP),,%/bench_http.c %/bench_failover.c) $(if $(ALLDATA),,%/bench_alldata.c %/bench_gossip.c) $(if $(ALLDATA_HTTP),,%/bench_alldata_http.c) $(if $(ALLDATA_PROG),,%/bench_cluster.c %/bench_alldata_node.c),$(wildcard tests/bench/bench_*.c))))
bench_scripts  := $(sort $(wildcard tests/bench/bench_*.sh))
bench_helpers  := $(filter-out $(B)/obj/tests/bench/bench_%,$(call objects,tests/bench))

$(B)/obj/tests/bench/%.o: ROOM = -Ilib -Itests/support $(TEST_CFLAGS) $(CORE_CFLAGS) $(HTTP_CFLAGS)
$(bench_programs): $(B)/tests/%: $(B)/obj/tests/%.o $(bench_helpers) $(internal)
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(link) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(TEST_LIBS) $(HTTP_LIBS) $(CORE_LIBS) $(if $(ALLDATA),$(ALLDATA_LIBS)) $(NATS_LIBS) -ldl $(LDLIBS)

$(B)/obj/tests/bench/bench_cluster.o: ROOM += -Itests/alldata-cluster
$(B)/tests/bench/bench_cluster: $(B)/obj/tests/alldata-cluster/cluster.o $(B)/obj/tests/support/program.o

bench_chosen   := $(or $(foreach name,$(BENCH),%/bench_$(name) %/bench_$(name).sh),%)

run_bench = for program in $(filter $(bench_chosen),$(bench_programs) $(bench_scripts)); do \
	    BUILD='$(abspath $(B))' tests/bench/run_one.sh $$program '$(abspath $(B))' || exit 1; \
	done

bench: all $(bench_programs)
	@$(run_bench)

# The same, and what it printed goes into BENCHMARKS.md; MACHINE='in words' says where that was.
bench-record: all $(bench_programs)
	@cut -d ' ' -f 1 /proc/loadavg >$(B)/load
	@{ $(run_bench); } >$(B)/figures
	@cat $(B)/figures
	@MACHINE='$(MACHINE)' LOAD=$$(cat $(B)/load) tests/bench/record.sh BENCHMARKS.md <$(B)/figures

.PHONY: bench-record
