# libreplicante-agent. GNU make, one make for the whole tree, no configure needed.
#
#   make                    libraries, drivers and programs, under build/
#   make help               everything else
#
# New source files are found by wildcard: adding one needs no change here.
# Set variables on the command line, or keep them in config.mak (./configure writes one).

-include config.mak

# --- What you may set --------------------------------------------------------------------------

CFLAGS     ?=#           -O2 -g, and the core library for size
PKG_CONFIG ?= pkg-config
OBJCOPY    ?= objcopy
READELF    ?= readelf
INSTALL    ?= install

prefix     ?= /usr/local
bindir     ?= $(prefix)/bin
libdir     ?= $(prefix)/lib
includedir ?= $(prefix)/include
mandir     ?= $(prefix)/share/man
sysconfdir ?= /etc
unitdir    ?= $(prefix)/lib/systemd/system
driverdir  ?= $(libdir)/replicante/drivers

REPLI_HTTP      ?= yes#  no: without lib/http, and so without repliagent
REPLI_PROGRAM   ?= yes#  no: without repliagent
REPLI_ALLDATA   ?= yes#  no: without lib/alldata
WITHOUT_DRIVERS ?=#      names of drivers to leave out
SANITIZE        ?=#      address,undefined or thread
WERROR          ?=#      1: warnings are errors
DEPS            ?= auto# no: never install a missing package, only name it
V               ?=#      1: show the commands

comma := ,
BUILD = build$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))

# --- What there is -----------------------------------------------------------------------------

B         := $(BUILD)
Q         := $(if $(filter 1,$(V)),,@)
VERSION   := $(shell sed -n 's/^.define REPLI_VERSION_STRING "\(.*\)"/\1/p' \
                 include/replicante/version.h)
SOVERSION := 0

sources = $(sort $(foreach dir,$(1),$(wildcard $(dir)/*.c)))
objects = $(patsubst %.c,$(B)/obj/%.o,$(call sources,$(1)))

# Only with HTTP is there a program.
PARTS := $(if $(filter-out no,$(REPLI_HTTP)),http $(if $(filter-out no,$(REPLI_PROGRAM)),program))

CORE_ROOMS := base model driver store event action agent

CORE_OBJ := $(call objects,$(CORE_ROOMS:%=lib/%))
WEB_OBJ  := $(call objects,lib/web)
HTTP_OBJ := $(if $(filter http,$(PARTS)),$(call objects,lib/http))
PROG_OBJ := $(if $(filter program,$(PARTS)),$(call objects,src/repliagent src/common))
LIBCURL_OBJ := $(call objects,lib/libcurl)
KIT_OBJ  := $(if $(PROG_OBJ),$(call objects,lib/conformance))

CORE := libreplicante-agent
HTTP := $(if $(HTTP_OBJ),libreplicante-agent-http)
PROG := $(if $(PROG_OBJ),$(B)/bin/repliagent)

all:

# --- Packages: what is missing is installed or named before anything is compiled -----------------

include mk/deps.mk

# AllData wants LevelDB, which has no module of pkg-config.
ALLDATA_LIBS := -lleveldb
has_leveldb   = $(shell echo '\#include <leveldb/c.h>' | $(CC) $(CPPFLAGS) -E -x c - >/dev/null 2>&1 && echo yes)
ALLDATA      := $(if $(and $(filter-out no,$(REPLI_ALLDATA)),$(call has_leveldb)),liballdata)
ALLDATA_ROOMS := gossip wire coordinator repair node
ALLDATA_OBJ  := $(if $(ALLDATA),$(call objects,lib/alldata $(ALLDATA_ROOMS:%=lib/alldata/%)))
ALLDATA_HTTP := $(if $(and $(ALLDATA),$(HTTP_OBJ),$(LOAD_LIBS)),liballdata-http)
WIRE_OBJ     := $(call objects,lib/alldata/wire)
ALLDATA_HTTP_OBJ := $(if $(ALLDATA_HTTP),$(call objects,lib/alldata-http))
ALLDATA_PROG_OBJ := $(if $(and $(ALLDATA_HTTP),$(PROG_OBJ)),$(call objects,src/alldata src/common))
ALLDATA_PROG := $(if $(ALLDATA_PROG_OBJ),$(B)/bin/alldata)
NATS         := $(if $(and $(ALLDATA),$(NATS_LIBS)),liballdata-nats)
NATS_OBJ     := $(if $(NATS),$(call objects,lib/alldata-nats))

# --- Flags: ours first, so that yours win --------------------------------------------------------

# Who asks for nothing else gets a core that is small, a quarter less: its time goes into SQLite.
# Link-time optimisation is for gcc, as objects of clang could not be archived without it. Small
# code would turn a snprintf() of a constant into strcpy(), of which there is to be none.
ifeq ($(strip $(CFLAGS)),)
CFLAGS   := -O2 -g
FOR_SIZE := $(if $(SANITIZE),,-Os -fno-builtin-snprintf $(shell $(CC) --version 2>/dev/null | \
                grep -q 'Free Software' && echo -flto=auto -ffat-lto-objects))
endif

REPLI_CPPFLAGS := -D_GNU_SOURCE -Iinclude
REPLI_CFLAGS   := -std=c11 -fPIC -fvisibility=hidden -pthread \
                  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion \
                  $(if $(filter 1,$(WERROR)),-Werror) \
                  $(if $(filter -flto%,$(CFLAGS)),-ffat-lto-objects) \
                  $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer)
# Clang leaves the sanitizer's runtime out of shared objects, so their symbols stay undefined.
REPLI_LDFLAGS  := -pthread -Wl,--as-needed \
                  $(if $(SANITIZE),-fsanitize=$(SANITIZE),-Wl$(comma)-z$(comma)defs)
PATHS          := -DREPLI_DRIVERDIR='"$(driverdir)"' -DREPLI_SYSCONFDIR='"$(sysconfdir)"'
# What is being built, which an agent tells: a revision, and whether the sources are those of it.
revision       := $(shell test -e .git && git rev-parse HEAD 2>/dev/null && \
    { git diff --quiet HEAD && echo clean || echo modified; } || echo unknown unknown)
REVISION       := -DREPLI_CHECKOUT='"$(word 1,$(revision))"' -DREPLI_TAINT='"$(word 2,$(revision))"'

# ROOM is what only the objects of one room get. The most specific pattern wins; private, since what
# they are made from would inherit it otherwise.
$(B)/obj/lib/%.o:             private ROOM = -Ilib $(CORE_CFLAGS) $(PATHS)
$(B)/obj/lib/alldata-nats/%.o: private ROOM = -Ilib $(call cflags,libnats)
$(B)/obj/lib/web/%.o:         private ROOM = -Ilib $(HTTP_CFLAGS)
$(B)/obj/lib/http/%.o:        private ROOM = -Ilib $(CORE_CFLAGS)
$(B)/obj/src/common/%.o:      private ROOM = $(PROG_CFLAGS)
$(B)/obj/src/repliagent/%.o:  private ROOM = -Isrc/common -Ilib/conformance -Ilib/libcurl $(CORE_CFLAGS) $(PROG_CFLAGS) $(PATHS)
$(B)/obj/lib/alldata-http/%.o: private ROOM = -Ilib $(HTTP_CFLAGS) $(LOAD_CFLAGS)
$(B)/obj/src/alldata/%.o:     private ROOM = -Isrc/common $(CORE_CFLAGS) $(PROG_CFLAGS) \
    -DCONFIG_NATS_LIBRARY='"liballdata-nats.so.$(SOVERSION)"'
$(B)/obj/lib/libcurl/%.o: private ROOM = -Ilib $(LOAD_CFLAGS) -DREPLI_LIBCURL='"$(shell cat $(B)/libcurl)"'
$(B)/obj/lib/agent/version.o: private ROOM = -Ilib $(REVISION)
$(B)/obj/lib/agent/version.o: $(B)/revision

$(foreach r,$(CORE_ROOMS),$(eval $(B)/obj/lib/$(r)/%.o: private WEIGHT = $(FOR_SIZE)))

compile = $(CC) $(REPLI_CPPFLAGS) $(ROOM) $(CPPFLAGS) $(REPLI_CFLAGS) $(CFLAGS) $(WEIGHT)
link    = $(CC) $(REPLI_CFLAGS) $(CFLAGS) $(or $(WEIGHT),$(if $(FOR_SIZE),-fno-lto)) $(REPLI_LDFLAGS) $(LDFLAGS)
say     = @$(if $(Q),printf '  %-5s %s\n' $(1) $(or $(2),$@),:)

$(B)/obj/%.o: %.c $(B)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(compile) -MMD -MP -c -o $@ $<

# Rewritten only when they differ: other flags compile everything anew, and a source file that came
# or went makes everything be linked anew.
$(B)/flags: TEXT = $(compile) $(link) $(FOR_SIZE) $(LDLIBS) $(PATHS) \
                   $(CORE_CFLAGS) $(HTTP_CFLAGS) $(PROG_CFLAGS) $(LOAD_CFLAGS)
$(B)/files: TEXT = $(call sources,lib/* lib/alldata/* src/* drivers/* tests/*)
$(B)/revision: TEXT = $(revision)
$(B)/flags $(B)/files $(B)/revision: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(TEXT))' >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

# --- Libraries ---------------------------------------------------------------------------------

# $(call library,NAME,OBJECTS,EXPORT MAP,LIBRARIES)
#
# The map rules both forms: the static library is one object in which every other name is made
# local, so that neither puts a name into the host's program that is not meant for it. The
# intermediate code of -flto goes: it would bring those names back.
define library
$(B)/lib/$(1).so.$(VERSION): $(2) $(3) $(B)/files
	$$(call say,LD)
	@mkdir -p $$(@D)
	$$(Q)$$(link) -shared -Wl,-soname,$(1).so.$(SOVERSION) -Wl,--version-script=$(3) \
	    -o $$@ $(2) $(4) $$(LDLIBS)
$(B)/lib/$(1).so.$(SOVERSION): $(B)/lib/$(1).so.$(VERSION)
	@ln -sf $$(<F) $$@
$(B)/lib/$(1).so: $(B)/lib/$(1).so.$(SOVERSION)
	@ln -sf $$(<F) $$@
$(B)/lib/$(1).a: $(2) $(3) $(B)/files
	$$(call say,AR)
	@mkdir -p $$(@D)
	@sed -n 's/^ *\([a-z]*_[a-z0-9_]*\);$$$$/\1/p' $(3) >$$(@:.a=.names)
	$$(Q)$$(LD) -r -o $$(@:.a=.o) $(2)
	$$(Q)$$(OBJCOPY) --keep-global-symbols=$$(@:.a=.names) \
	    --remove-section='.gnu.lto_*' --remove-section='.gnu.debuglto_*' $$(@:.a=.o)
	@rm -f $$@
	$$(Q)$$(AR) rcs $$@ $$(@:.a=.o)
all: $(B)/lib/$(1).so $(B)/lib/$(1).a
endef

# Over all files the compiler takes what a failure leaves unset for something that may be used.
$(B)/lib/$(CORE).so.$(VERSION): private WEIGHT = $(FOR_SIZE) -Wno-maybe-uninitialized
$(eval $(call library,$(CORE),$(CORE_OBJ),lib/replicante-agent.map,$(CORE_LIBS) -ldl))

# The HTTP library knows the core by its public names only, and has its own copy of what it takes
# from lib/base.
ifneq ($(HTTP),)
http_inputs := $(HTTP_OBJ) $(WEB_OBJ) $(B)/lib/base-internal.a
http_needs  := -L$(B)/lib -lreplicante-agent $(HTTP_LIBS) $(CORE_LIBS)
$(eval $(call library,$(HTTP),$(http_inputs),lib/http/replicante-agent-http.map,$(http_needs)))
$(B)/lib/$(HTTP).so.$(VERSION): | $(B)/lib/$(CORE).so
endif

# So does that of AllData, which knows nothing of the core.
ifneq ($(ALLDATA),)
alldata_inputs := $(ALLDATA_OBJ) $(B)/lib/base-internal.a
$(eval $(call library,$(ALLDATA),$(alldata_inputs),lib/alldata/alldata.map,$(ALLDATA_LIBS)))
else
all: no-alldata
no-alldata: ; @echo '  left out: AllData ($(if $(filter no,$(REPLI_ALLDATA)),REPLI_ALLDATA=no,no LevelDB))'
.PHONY: no-alldata
endif

ifneq ($(NATS),)
nats_inputs := $(NATS_OBJ) $(B)/lib/base-internal.a
$(eval $(call library,$(NATS),$(nats_inputs),lib/alldata-nats/alldata-nats.map,$(NATS_LIBS)))
else ifneq ($(ALLDATA),)
all: no-nats
no-nats: ; @echo '  left out: AllData on NATS (no libnats)'
.PHONY: no-nats
endif

# It knows AllData by its public names only.
ifneq ($(ALLDATA_HTTP),)
alldata_http_inputs := $(ALLDATA_HTTP_OBJ) $(WIRE_OBJ) $(WEB_OBJ) $(LIBCURL_OBJ) $(B)/lib/base-internal.a
alldata_http_needs  := -L$(B)/lib -lalldata $(HTTP_LIBS) -ldl
$(eval $(call library,$(ALLDATA_HTTP),$(alldata_http_inputs),lib/alldata-http/alldata-http.map,$(alldata_http_needs)))
$(B)/lib/$(ALLDATA_HTTP).so.$(VERSION): | $(B)/lib/$(ALLDATA).so
else ifneq ($(ALLDATA),)
all: no-alldata-http
no-alldata-http: ; @echo '  left out: AllData over HTTP ($(if $(HTTP_OBJ),no libcurl,no HTTP))'
.PHONY: no-alldata-http
endif

# With all their names, for unit tests.
$(B)/lib/base-internal.a: $(call objects,lib/base)
$(B)/lib/core-internal.a: $(CORE_OBJ)
$(B)/lib/web-internal.a: $(WEB_OBJ)
$(B)/lib/http-internal.a: $(HTTP_OBJ)
$(B)/lib/alldata-internal.a: $(ALLDATA_OBJ)
$(B)/lib/alldata-nats-internal.a: $(NATS_OBJ)
$(B)/lib/alldata-http-internal.a: $(ALLDATA_HTTP_OBJ) $(LIBCURL_OBJ)
$(B)/lib/program-internal.a: $(filter-out %/main.o,$(PROG_OBJ)) $(LIBCURL_OBJ)
$(B)/lib/%-internal.a: $(B)/files
	$(call say,AR)
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(AR) rcs $@ $(filter %.o,$^)

# --- Program: linked with the static libraries, so that it runs from where it stands -------------

static_libs := $(patsubst %,$(B)/lib/%.a,conformance $(HTTP) $(CORE))

$(B)/bin/repliagent: $(PROG_OBJ) $(LIBCURL_OBJ) $(static_libs) $(B)/files
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(link) -o $@ $(PROG_OBJ) $(LIBCURL_OBJ) $(static_libs) $(PROG_LIBS) $(HTTP_LIBS) $(CORE_LIBS) -ldl $(LDLIBS)

alldata_static_libs := $(patsubst %,$(B)/lib/%.a,$(ALLDATA_HTTP) $(ALLDATA))

# The storage on NATS is looked for beside it, built or installed, and where the system has libraries.
$(B)/bin/alldata: $(ALLDATA_PROG_OBJ) $(alldata_static_libs) $(B)/files
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(link) -Wl,-rpath,'$$ORIGIN/../lib' -o $@ $(ALLDATA_PROG_OBJ) $(alldata_static_libs) $(PROG_LIBS) $(HTTP_LIBS) $(CORE_LIBS) $(ALLDATA_LIBS) -ldl $(LDLIBS)

# The conformance kit looks at a driver through the core's own eyes, so it has a copy of what it takes
# from there.
$(B)/lib/conformance.a: $(KIT_OBJ) $(B)/lib/core-internal.a
	$(call say,AR)
	$(Q)$(LD) -r -o $(@:.a=.o) $^
	$(Q)$(OBJCOPY) --wildcard --keep-global-symbol='conformance_*' \
	    --remove-section='.gnu.lto_*' --remove-section='.gnu.debuglto_*' $(@:.a=.o)
	@rm -f $@
	$(Q)$(AR) rcs $@ $(@:.a=.o)

# What something linked with libcurl would load.
$(B)/libcurl: $(B)/flags
	$(Q)$(link) -shared -Wl,--no-as-needed -o $@.so $(LOAD_LIBS)
	$(Q)$(READELF) -d $@.so | sed -n 's/.*NEEDED.*\[\(libcurl[^]]*\)\]$$/\1/p' >$@
	@rm $@.so && test -s $@ || { echo 'libcurl has no soname' >&2; rm $@; false; }
$(LIBCURL_OBJ): $(B)/libcurl

all: $(PROG) $(ALLDATA_PROG)
ifeq ($(filter program,$(PARTS)),)
all: ; @echo '  left out: $(if $(filter http,$(PARTS)),,HTTP and )repliagent'
endif

# --- The rest ----------------------------------------------------------------------------------

include mk/drivers.mk mk/install.mk mk/test.mk

clean:
	rm -rf build build-*

distclean: clean
	rm -rf config.mak config.log config.status autom4te.cache configure

help:
	@cat mk/help.txt

.PHONY: all clean distclean help FORCE
.DELETE_ON_ERROR:
FORCE:

-include $(shell test -d $(B) && find $(B) -name '*.d')
