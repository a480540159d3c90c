# What the goals need. tools/deps.sh looks whether it is there, and installs it where it can; as its
# answer is an included file, make starts over when something new arrived.

ALL_DRIVERS := $(sort $(patsubst drivers/%/,%,$(dir $(wildcard drivers/*/*.c))))
DRIVERS     := $(filter-out $(WITHOUT_DRIVERS),$(ALL_DRIVERS))

goals := $(or $(MAKECMDGOALS),all)
NEED  := build $(PARTS) $(DRIVERS:%=?driver-%)
NEED  += $(if $(filter-out no,$(REPLI_ALLDATA)),?alldata ?alldata-nats $(if $(PARTS),?alldata-http))
NEED  += $(if $(filter check,$(goals)),?server-nats ?alldata-cluster)
NEED  += $(if $(filter bench bench-record,$(goals)),?server-redis)
NEED  += $(if $(filter check check-fast tests bench bench-record soak fuzz,$(goals)),test)
NEED  += $(if $(filter check,$(goals)),server-postgresql server-redis)
NEED  += $(if $(filter check,$(goals)),?compilers ?configure ?manual ?abi ?bindings \
    ?examples ?embeddings)
NEED  += $(if $(filter abi-baseline,$(goals)),abi)
NEED  += $(if $(filter run,$(goals)),alldata alldata-http run)
NEED  += $(if $(filter run-postgresql,$(goals)),server-postgresql)
NEED  += $(if $(filter 1,$(VALGRIND)),valgrind)
NEED  += $(if $(filter fuzz,$(goals)),fuzz)

ifneq ($(filter-out clean distclean help dist uninstall,$(goals)),)
include $(B)/deps.mk
endif

$(B)/deps.mk: FORCE
	@mkdir -p $(@D)
	@CC='$(CC)' PKG_CONFIG='$(PKG_CONFIG)' DEPS='$(DEPS)' tools/deps.sh $(NEED) >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

cflags = $(shell $(PKG_CONFIG) --cflags $(1) 2>/dev/null)
libs   = $(shell $(PKG_CONFIG) --libs $(1) 2>/dev/null)

CORE_PKGS := jansson sqlite3
HTTP_PKGS := libmicrohttpd gnutls
PROG_PKGS := yaml-0.1
NATS_PKGS := libnats
LOAD_PKGS := libcurl#  loaded when it is needed
TEST_PKGS := check libcurl

CORE_CFLAGS := $(call cflags,$(CORE_PKGS))
CORE_LIBS   := $(call libs,$(CORE_PKGS))
HTTP_CFLAGS := $(call cflags,$(HTTP_PKGS))
HTTP_LIBS   := $(call libs,$(HTTP_PKGS))
PROG_CFLAGS := $(call cflags,$(PROG_PKGS) $(LOAD_PKGS))
LOAD_CFLAGS := $(call cflags,$(LOAD_PKGS))
PROG_LIBS   := $(call libs,$(PROG_PKGS))
LOAD_LIBS   := $(call libs,$(LOAD_PKGS))
NATS_LIBS   := $(call libs,$(NATS_PKGS))
TEST_CFLAGS := $(call cflags,$(TEST_PKGS))
TEST_LIBS   := $(call libs,$(TEST_PKGS))
