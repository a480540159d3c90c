# Everything that is installed is named once, as SOURCE:DESTINATION, and uninstall removes the
# destinations. template and fake are there to be read and to test with.

INSTALLED_DRIVERS := $(filter-out template fake,$(BUILT_DRIVERS))
pc_files := replicante-agent replicante-agent-driver $(if $(HTTP),replicante-agent-http) $(if $(ALLDATA),alldata) $(if $(ALLDATA_HTTP),alldata-http) $(if $(NATS),alldata-nats)
libraries := $(CORE) $(HTTP) $(ALLDATA) $(ALLDATA_HTTP) $(NATS)
units    := $(if $(PROG),repliagent.service) $(if $(ALLDATA_PROG),alldata.service)
pages    := $(wildcard man/man[1-9]/*.[1-9])

put = $(foreach f,$(2),$(f):$(1)/$(notdir $(f)))
DATA := $(call put,$(includedir)/replicante,$(wildcard include/replicante/*.h)) \
        $(if $(ALLDATA),$(call put,$(includedir)/alldata,$(wildcard include/alldata/*.h))) \
        $(call put,$(libdir),$(patsubst %,$(B)/lib/%.a,$(libraries))) \
        $(call put,$(libdir)/pkgconfig,$(pc_files:%=$(B)/pkgconfig/%.pc)) \
        $(foreach p,$(pages),$(p):$(mandir)/man$(subst .,,$(suffix $(p)))/$(notdir $(p))) \
        $(call put,$(unitdir),$(units:%=$(B)/%))
EXEC := $(call put,$(bindir),$(PROG) $(ALLDATA_PROG)) \
        $(call put,$(libdir),$(patsubst %,$(B)/lib/%.so.$(VERSION),$(libraries))) \
        $(call put,$(driverdir),$(INSTALLED_DRIVERS:%=$(B)/drivers/driver_%.so))
LINKS := $(foreach l,$(libraries),$(libdir)/$(l).so $(libdir)/$(l).so.$(SOVERSION))

to = $(word 2,$(subst :, ,$(1)))

define install
$(Q)$(INSTALL) -D -m $(1) '$(word 1,$(subst :, ,$(2)))' '$(DESTDIR)$(call to,$(2))'

endef

install: all $(foreach d,$(DATA),$(word 1,$(subst :, ,$(d))))
	$(foreach f,$(DATA),$(call install,644,$(f)))
	$(foreach f,$(EXEC),$(call install,755,$(f)))
	$(Q)for lib in $(libraries); do \
	    ln -sf $$lib.so.$(VERSION) '$(DESTDIR)$(libdir)'/$$lib.so.$(SOVERSION) && \
	    ln -sf $$lib.so.$(SOVERSION) '$(DESTDIR)$(libdir)'/$$lib.so || exit; \
	done

# Folders of our own go when they are empty; those of the system stay.
uninstall:
	rm -f $(patsubst %,'$(DESTDIR)%',$(foreach f,$(DATA) $(EXEC),$(call to,$(f))) $(LINKS))
	@rmdir $(patsubst %,'$(DESTDIR)%',$(includedir)/replicante $(includedir)/alldata $(driverdir) $(dir $(driverdir))) \
	    2>/dev/null || :

# In a .pc file folders are said relative to prefix, so that a tree can be moved.
relative   = $(patsubst $(prefix)/%,$${prefix}/%,$(1))
substitute = sed -e 's|@prefix@|$(prefix)|' -e 's|@libdir@|$(call relative,$(libdir))|' \
    -e 's|@includedir@|$(call relative,$(includedir))|' -e 's|@VERSION@|$(VERSION)|' \
    -e 's|@driverdir@|$(call relative,$(driverdir))|'

$(B)/pkgconfig/%.pc: pkgconfig/%.pc.in $(B)/flags
	@mkdir -p $(@D)
	$(Q)$(substitute) $< >$@

$(foreach u,repliagent alldata,$(eval $(B)/$(u).service: src/$(u)/$(u).service.in))
$(B)/%.service: $(B)/flags
	$(Q)sed -e 's|@bindir@|$(bindir)|' -e 's|@sysconfdir@|$(sysconfdir)|' $(filter %.in,$^) >$@

dist:
	@mkdir -p $(B)
	git archive --format=tar.gz --prefix=libreplicante-agent-$(VERSION)/ \
	    -o $(B)/libreplicante-agent-$(VERSION).tar.gz HEAD

.PHONY: install uninstall dist
