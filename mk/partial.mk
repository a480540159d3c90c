# While rooms are still arriving, what they will define may be missing at link time.
REPLI_LDFLAGS := $(filter-out -Wl$(comma)-z$(comma)defs,$(REPLI_LDFLAGS)) -Wl,--unresolved-symbols=ignore-all
