#!/usr/bin/env bats
# make install, uninstall and dist: every file where distributions expect it, and what is installed works from there.
# shellcheck disable=SC2154 # setup.bash sets build and project

load setup

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	root=$PWD/root
	version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' "$project/dkms.conf")
	# -o: the program under test is built already
	make=(make -s -C "$project" -o daxfsctl BUILD="$build" PREFIX=/usr DESTDIR="$root")
	unset MAKEFLAGS MFLAGS MAKELEVEL
}

man_of_root() {
	MANPATH=$root/usr/share/man MAN_DISABLE_SECCOMP=1 LC_ALL=C man "$@"
}

@test "the version of the program, of DKMS and of the archive is one" {
	[[ $version && $(daxfsctl version) == "daxfsctl $version "* ]]
}

@test "make install puts every file where distributions expect it" {
	"${make[@]}" install
	local name completions
	completions=$(pkg-config --variable=completionsdir bash-completion 2>/dev/null || echo /usr/share/bash-completion/completions)
	{
		for name in daxfsctl $(daxfsctl --list); do
			echo "/usr/sbin/$name"
			echo "$completions/$name"
			echo "/usr/share/fish/vendor_completions.d/$name.fish"
			# mount.daxfs.8 and so on: each name has a page.
			echo "/usr/share/man/man8/$name.8"
		done
		# So may what is no program of its own.
		echo /usr/share/man/man8/daxfs-list.8
		echo /usr/share/man/man5/daxfs.5
		echo /usr/share/man/man7/daxfs-protocol.7
		echo /usr/share/zsh/site-functions/_daxfsctl
		for name in dkms.conf LICENSE kmod/Kbuild; do echo "/usr/src/daxfs-$version/$name"; done
		(cd "$project" && git ls-files 'kmod/*.[ch]' 'include/*.h' | sed "s|^|/usr/src/daxfs-$version/|")
		for name in "$project"/udev/*.rules; do
			[[ ! -e $name ]] || echo "/usr/lib/udev/rules.d/${name##*/}"
		done
	} | sort >want
	(cd root && find . ! -type d | sed 's/^\.//' | sort) >got
	diff want got
	# Modes do not depend on the umask; links stay valid wherever the root is put.
	[[ ! $(find root -type f -perm /022) && ! $(find root -xtype l) && ! $(find root -lname '/*') ]]
	[[ -x root/usr/sbin/daxfsctl ]]
	run ! grep -r @SBINDIR@ root
}

@test "make install into a root with a strict umask is readable for all" {
	(umask 077 && "${make[@]}" install)
	[[ ! $(find root/usr -type f ! -perm -444) && ! $(find root/usr -type d ! -perm -555) ]]
}

@test "the installed program runs by each of its names" {
	"${make[@]}" install
	local name
	for name in $(daxfsctl --list); do
		[[ $(root/usr/sbin/"$name" --version) == "daxfsctl $version "* ]]
	done
}

@test "make uninstall leaves nothing, and what is not its own" {
	mkdir -p root/usr/sbin root/usr/src/daxfs-0.0 root/usr/share/man/man8
	touch root/usr/sbin/other root/usr/src/daxfs-0.0/other root/usr/share/man/man8/other.8
	(cd root && find . ! -type d | sort) >before
	"${make[@]}" install
	"${make[@]}" install
	"${make[@]}" uninstall
	(cd root && find . ! -type d | sort) | diff before -
	"${make[@]}" uninstall
}

@test "make modules_install puts the module where kbuild puts updates and into the index, modules_uninstall takes it away" {
	# What kbuild does with what it is told; nothing is built in this tree.
	mkdir -p kdir root/lib/modules/1.2.3-test/{updates,kernel} root/lib/modules/9.9.9/updates
	cat >kdir/Makefile <<-'END'
		.RECIPEPREFIX := >
		modules:
		>test -e $(M)/Kbuild
		>echo $@ >>$(CURDIR)/log
		modules_install:
		>test -e $(M)/Kbuild
		>echo $@ >>$(CURDIR)/log
		>install -D -m 644 /dev/null $(INSTALL_MOD_PATH)/lib/modules/1.2.3-test/$(INSTALL_MOD_DIR)/daxfs.ko.xz
		kernelrelease:
		>@echo 1.2.3-test
	END
	touch root/lib/modules/1.2.3-test/{updates,kernel}/other.ko root/lib/modules/9.9.9/updates/daxfs.ko
	files() {
		(cd root && find . ! -type d ! -name 'modules.*' | sort)
	}
	files >before
	"${make[@]}" KDIR="$PWD/kdir" modules_install >/dev/null
	[[ $(<kdir/log) == $'modules\nmodules_install' ]]
	[[ $(files | diff before - | grep '^[<>]') == "> ./lib/modules/1.2.3-test/updates/daxfs.ko.xz" ]]
	"${make[@]}" KDIR="$PWD/kdir" modules_uninstall
	files | diff before -
	[[ ! -e root/lib/modules/1.2.3-test/modules.dep ]]
	PATH=$PATH:/sbin:/usr/sbin
	command -v depmod >/dev/null || skip "depmod is not installed"
	# Where there is an index it is brought up to date, whether or not kbuild does so.
	rm root/lib/modules/1.2.3-test/*/other.ko
	touch root/lib/modules/1.2.3-test/modules.dep
	"${make[@]}" DEPMOD="echo depmod" KDIR="$PWD/kdir" modules_install >said
	[[ $(tail -n 1 said) == "depmod -b $root/ 1.2.3-test" ]]
	echo 'updates/daxfs.ko.xz:' >root/lib/modules/1.2.3-test/modules.dep
	"${make[@]}" KDIR="$PWD/kdir" modules_uninstall
	[[ -e root/lib/modules/1.2.3-test/modules.dep ]]
	run -1 grep daxfs root/lib/modules/1.2.3-test/modules.dep
	# No kernel there: nothing is removed.
	run ! "${make[@]}" KDIR="$PWD/missing" modules_uninstall
	[[ -e root/lib/modules/9.9.9/updates/daxfs.ko ]]
}

@test "PREFIX and the single directories are honoured" {
	"${make[@]}" install PREFIX=/opt/daxfs SRCDIR=/opt/src MANDIR=/opt/man >/dev/null
	[[ -x root/opt/daxfs/sbin/mkdaxfs && -e root/opt/src/daxfs-$version/dkms.conf && -e root/opt/man/man8/daxfsctl.8 ]]
	[[ ! -e root/usr/sbin ]]
}

@test "man finds the manual pages by name and by what they are about" {
	command -v mandb >/dev/null || skip "mandb is not installed"
	"${make[@]}" install
	# man and mandb give up root, and must get there.
	chmod 755 root root/usr root/usr/share
	mandb -qc -u root/usr/share/man 2>mandb.err || { cat mandb.err && return 1; }
	man_of_root -k daxfs >found
	cat found
	local name
	for name in daxfsctl daxfs-list $(daxfsctl --list); do
		grep -q "^$name (8)  *- [a-z]" found
	done
	grep -q '^daxfs (5)  *- [a-z]' found
	for name in daxfsctl $(daxfsctl --list); do
		man_of_root -w 8 "$name"
	done
}

@test "make dist packs what is committed, the same bytes each time, and it builds by itself" {
	git -C "$project" rev-parse HEAD >/dev/null 2>&1 || skip "not a git checkout"
	# Of a clone, so that nothing is written into this tree; with times and modes of another user.
	git clone -q "$project" clone
	make -s -C clone dist >/dev/null
	cp "clone/build/daxfs-$version.tar.gz" first.tar.gz
	touch clone/uncommitted
	(umask 077 && TZ=Asia/Tokyo make -s -C clone dist >/dev/null)
	cmp first.tar.gz "clone/build/daxfs-$version.tar.gz"
	tar -xf first.tar.gz
	[[ $(ls) == *"daxfs-$version"* && ! -e daxfs-$version/uncommitted && ! -e daxfs-$version/.git ]]
	diff <(git -C clone ls-files | sort) <(cd "daxfs-$version" && find . ! -type d -printf '%P\n' | sort)
	# Not optimised: that it builds is what counts.
	make -s -C "daxfs-$version" CFLAGS=-O0 daxfsctl >log 2>&1 || { cat log && return 1; }
	[[ $("daxfs-$version/build/mkdaxfs" --version) == "daxfsctl $version "* ]]
	make -s -C "daxfs-$version" -o daxfsctl PREFIX=/usr DESTDIR="$root" install
	[[ -e root/usr/src/daxfs-$version/include/daxfs/format.h ]]
}

@test "DKMS does not try kernels that the module does not build for" {
	local pattern release
	pattern=$(sed -n 's/^BUILD_EXCLUSIVE_KERNEL="\(.*\)"$/\1/p' "$project/dkms.conf")
	for release in 6.1.0-42-amd64 6.12.48+deb12-amd64 6.4.1 6.9.0-rc1 6.13.1 7.0.13 7.2.0; do
		[[ $release =~ $pattern ]]
	done
	for release in 5.10.0-1-amd64 6.0.0 6.5.0 6.8.12 6.120.0 7.3.0 7.20.1 16.1.0; do
		[[ ! $release =~ $pattern ]]
	done
	# Each is in the configuration of the kernels that are tested, or DKMS would refuse those.
	grep -q '^BUILD_EXCLUSIVE_KERNEL_MIN="6\.1"$' "$project/dkms.conf"
	grep -q '^BUILD_EXCLUSIVE_KERNEL_MAX="7\.2\.[0-9]*"$' "$project/dkms.conf"
}
