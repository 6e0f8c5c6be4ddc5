# SPDX-License-Identifier: GPL-2.0-only
# daxfs: the kernel module, daxfsctl and their tests. No configure.
#
#	make			daxfsctl, and the module when the headers of the running kernel are there
#	make module KDIR=DIR	the module, for the kernel whose build tree is DIR
#	make check		everything that tests something (installs what is missing when root)
#	make check-more		longer campaigns in VMs
#	make demo		the main job, in a VM
#	make bench		the benchmark behind the figures of README.md
#	make install		DESTDIR= PREFIX= honoured; the module's source is for DKMS
#	make modules_install	the module itself, for the kernel of KDIR
#	make uninstall, modules_uninstall
#	make dist		build/daxfs-VERSION.tar.gz of what is committed
#	make completions	writes completions/ anew, after a change of options or verbs
#
# V=1 shows commands. W=1 and C=1, C=2 go to kbuild. DEBUG=1: not optimised. SAN=1: with address and undefined-behaviour sanitizers.
# WERROR=1: warnings are errors.

VERSION	:= $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"$$/\1/p' dkms.conf)
KDIR	?= /lib/modules/$(shell uname -r)/build
PREFIX	?= /usr/local
SBINDIR	?= $(PREFIX)/sbin
MANDIR	?= $(PREFIX)/share/man
UDEVDIR	?= $(PREFIX)/lib/udev/rules.d
# Where DKMS looks, whatever the prefix is.
SRCDIR	?= /usr/src
INSTALL	?= install
DEPMOD	?= depmod
PKG_CONFIG ?= pkg-config

# A sanitized or debug build has its own folder, so that going back and forth rebuilds nothing.
BUILD	:= build$(if $(SAN),/san)$(if $(DEBUG),/debug)
# libarchive is loaded when it is needed (daxfsctl/libarchive.h), the others are linked.
PACKAGES := blkid mount smartcols uuid
HEADERS_ONLY := libarchive

WARNINGS := -Wall -Wextra -Wformat=2 -Wmissing-prototypes -Wold-style-definition -Wpointer-arith -Wshadow \
	-Wstrict-prototypes -Wundef -Wvla -Wwrite-strings $(if $(WERROR),-Werror)
CFLAGS	?= $(if $(DEBUG),-O0 -g3,-O2 -g)
comma	:= ,
SANFLAGS := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)

# Only what links daxfsctl asks for the libraries: `make module` needs none of them.
PACKAGE_CFLAGS = $(eval PACKAGE_CFLAGS := $$(shell $(PKG_CONFIG) --cflags $(PACKAGES) $(HEADERS_ONLY)))$(PACKAGE_CFLAGS)
PACKAGE_LIBS = $(eval PACKAGE_LIBS := $$(shell $(PKG_CONFIG) --libs $(PACKAGES)))$(PACKAGE_LIBS)
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DDAXFS_RELEASE='"$(VERSION)"' -Iinclude $(WARNINGS) $(SANFLAGS) $(PACKAGE_CFLAGS) \
	$(CPPFLAGS) $(CFLAGS)

SOURCES	:= $(wildcard daxfsctl/*.c kmod/core/*.c)
OBJECTS	:= $(SOURCES:%.c=$(BUILD)/obj/%.o)
LINKS	:= mkdaxfs mkfs.daxfs mount.daxfs umount.daxfs fsck.daxfs daxfs-branch daxfs-inspect daxfs-save
PAGES	:= $(wildcard man/*.[578])
# A name that is explained on the page of another one.
PAGE_LINKS := mkfs.daxfs:mkdaxfs
RULES	:= $(wildcard udev/*.rules)
# kmod/ and include/ as they lie here: one finds the other.
MODULE_SOURCES := dkms.conf LICENSE kmod/Kbuild \
	$(filter-out %.mod.c,$(wildcard kmod/*.[ch] kmod/*/*.[ch] include/daxfs/*.h))
MODULE_DIR := $(DESTDIR)$(SRCDIR)/daxfs-$(VERSION)

# bash-completion says where it looks; the others look below the prefix. bash and fish load the file named after the command.
BASHDIR	?= $(or $(shell $(PKG_CONFIG) --variable=completionsdir bash-completion 2>/dev/null),$(PREFIX)/share/bash-completion/completions)
ZSHDIR	?= $(PREFIX)/share/zsh/site-functions
FISHDIR	?= $(PREFIX)/share/fish/vendor_completions.d

Q	:= $(if $(filter 1,$(V)),,@)
say	= $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' $(1) $(2))

.PHONY: all daxfsctl module check check-more demo bench check-debug setup completions install uninstall \
	modules_install modules_uninstall dist clean
.DELETE_ON_ERROR:

all: daxfsctl
	$(Q)if [ -e $(KDIR)/Makefile ]; then $(MAKE) --no-print-directory module; \
	else echo "daxfs.ko is not built: no kernel headers at $(KDIR) (KDIR= names others)"; fi

daxfsctl: $(BUILD)/daxfsctl $(LINKS:%=$(BUILD)/%)

$(BUILD)/daxfsctl: $(OBJECTS)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $(OBJECTS) $(PACKAGE_LIBS) $(LDLIBS)

$(LINKS:%=$(BUILD)/%): $(BUILD)/daxfsctl
	$(Q)ln -sf daxfsctl $@

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Objects made with other flags, or of sources that are gone, are not linked.
$(BUILD)/flags: FORCE
	$(Q)mkdir -p $(@D)
	$(Q)echo "$$FLAGS" | cmp -s - $@ || echo "$$FLAGS" >$@
$(BUILD)/flags: export FLAGS = $(CC) $(ALL_CFLAGS) $(SOURCES)
.PHONY: FORCE
FORCE:

-include $(OBJECTS:.o=.d)

module:
	$(Q)$(MAKE) -C $(KDIR) M=$(CURDIR)/kmod $(if $(V),V=$(V)) $(if $(W),W=$(W)) $(if $(C),C=$(C)) modules

check:
	$(Q)tests/check

demo:
	$(Q)tests/demo

bench:
	$(Q)tests/bench/run

check-more:
	$(Q)tests/check cli-san blkid dkms harness kernel-more kernel-stress kernel-6.1-more kernel-examples vm-crash

check-debug:
	$(Q)tests/check --debug-kernel

setup:
	$(Q)tests/setup

# A generator that fails leaves the old file.
completions: daxfsctl
	$(Q)set -e; for pair in bash:daxfsctl.bash zsh:_daxfsctl fish:daxfsctl.fish; do \
		$(BUILD)/daxfsctl --completions $${pair%%:*} >$(BUILD)/completion; \
		mv $(BUILD)/completion completions/$${pair#*:}; done

install: daxfsctl
	$(INSTALL) -d $(DESTDIR)$(SBINDIR)
	$(INSTALL) -m 755 $(BUILD)/daxfsctl $(DESTDIR)$(SBINDIR)/daxfsctl
	for link in $(LINKS); do ln -sf daxfsctl $(DESTDIR)$(SBINDIR)/$$link || exit; done
	for page in $(PAGES); do \
		$(INSTALL) -D -m 644 $$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/} || exit; done
	for link in $(PAGE_LINKS); do \
		ln -sf $${link#*:}.8 $(DESTDIR)$(MANDIR)/man8/$${link%:*}.8 || exit; done
	for rules in $(RULES); do \
		$(INSTALL) -D -m 644 $$rules $(DESTDIR)$(UDEVDIR)/$${rules##*/} && \
		sed -i 's|@SBINDIR@|$(SBINDIR)|g' $(DESTDIR)$(UDEVDIR)/$${rules##*/} || exit; done
	for source in $(MODULE_SOURCES); do \
		$(INSTALL) -D -m 644 $$source $(MODULE_DIR)/$$source || exit; done
	$(INSTALL) -D -m 644 completions/daxfsctl.bash $(DESTDIR)$(BASHDIR)/daxfsctl
	$(INSTALL) -D -m 644 completions/_daxfsctl $(DESTDIR)$(ZSHDIR)/_daxfsctl
	$(INSTALL) -D -m 644 completions/daxfsctl.fish $(DESTDIR)$(FISHDIR)/daxfsctl.fish
	for link in $(LINKS); do ln -sf daxfsctl $(DESTDIR)$(BASHDIR)/$$link && \
		ln -sf daxfsctl.fish $(DESTDIR)$(FISHDIR)/$$link.fish || exit; done

uninstall:
	rm -f $(addprefix $(DESTDIR)$(SBINDIR)/,daxfsctl $(LINKS))
	rm -f $(foreach link,$(PAGE_LINKS),$(DESTDIR)$(MANDIR)/man8/$(firstword $(subst :, ,$(link))).8)
	rm -f $(patsubst udev/%,$(DESTDIR)$(UDEVDIR)/%,$(RULES))
	rm -rf $(MODULE_DIR)
	for page in $(PAGES); do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/} || exit; done
	rm -f $(addprefix $(DESTDIR)$(BASHDIR)/,daxfsctl $(LINKS)) $(DESTDIR)$(ZSHDIR)/_daxfsctl
	rm -f $(patsubst %,$(DESTDIR)$(FISHDIR)/%.fish,daxfsctl $(LINKS))

# kbuild runs depmod only where System.map lies beside the headers. A root that is there to be packed has no index.
modules_dir = $(DESTDIR)/lib/modules/$$($(MAKE) -s --no-print-directory -C $(KDIR) kernelrelease)
index_modules = if [ -e "$$dir"/modules.dep ]; then $(DEPMOD) -b $(DESTDIR)/ "$${dir\#\#*/}"; fi

modules_install: module
	$(Q)$(MAKE) -C $(KDIR) M=$(CURDIR)/kmod INSTALL_MOD_PATH=$(DESTDIR) INSTALL_MOD_DIR=updates modules_install
	$(Q)dir=$(modules_dir) && $(index_modules)

modules_uninstall:
	dir=$(modules_dir) && rm -f "$$dir"/updates/daxfs.ko* && $(index_modules)

# The same bytes from the same commit, wherever it is made.
dist:
	$(Q)mkdir -p build
	$(Q)git -c tar.umask=0022 archive --format=tar --prefix=daxfs-$(VERSION)/ -o build/daxfs-$(VERSION).tar HEAD
	$(Q)gzip -9nf build/daxfs-$(VERSION).tar
	@echo build/daxfs-$(VERSION).tar.gz

clean:
	rm -rf build
	$(Q)if [ -e kmod/Kbuild ] && [ -e $(KDIR)/Makefile ]; then $(MAKE) -C $(KDIR) M=$(CURDIR)/kmod clean; fi
