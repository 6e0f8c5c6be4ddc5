# Locales: what is printed is the same in each, whatever bytes the names have, and it ends. tests/cli/fake.c stands in for mounts.
# shellcheck disable=SC2154 # setup.bash sets project
load setup.bash

setup_file() {
	load setup.bash
	cd "$BATS_FILE_TMPDIR" || return
	mkdir -p tree/dir
	echo ä >tree/ä
	echo 名前 >tree/dir/名前
	echo odd >tree/$'\xff\\\n\xe4'
	ln -s ü/名 tree/link
	mkdaxfs -q -w -D 8M -L 'Größe 名' -d tree -o image
	if command -v cc >/dev/null; then
		local compile=(cc -O1 -std=gnu11 -D_GNU_SOURCE -I"$project/include")
		"${compile[@]}" -o grow "$project/tests/cli/grow.c" "$project"/kmod/core/*.c
		"${compile[@]}" -shared -fPIC -o fake.so "$project/tests/cli/fake.c"
		./grow image x branch main
		./grow image x create /ö new
	fi
	printf '%s\n' "main 0 1 0 1 2 1 4096 -" "x 1 2 0 1 1 1 65536 hôte" "y 2 3 0 1 0 0 0 -" >branches
	localedef -c -i POSIX -f ISO-8859-1 ./latin1 2>/dev/null || :
	localedef -c -i POSIX -f EUC-JP ./eucjp 2>/dev/null || :
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
	dir=$BATS_TEST_TMPDIR/dir
	mkdir "$dir"
}

# everywhere COMMAND...: ends in each locale, with what it prints in C.UTF-8 and the same status; that is left in out.
everywhere() {
	local locale status=0 other
	timeout 60 "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || status=$?
	[[ $status != 124 ]]
	for locale in C POSIX '' latin1 eucjp; do
		[[ ! $locale =~ ^[a-z] || -d $locale ]] || continue
		other=0
		env -u LANG -u LC_ALL LOCPATH="$PWD" ${locale:+LC_ALL="$locale"} timeout 60 "$@" >"$BATS_TEST_TMPDIR/other.out" 2>"$BATS_TEST_TMPDIR/other.err" || other=$?
		echo "in locale \"$locale\" status $other, in C.UTF-8 $status"
		[[ $other == "$status" ]]
		diff -u "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/other.out"
		diff -u "$BATS_TEST_TMPDIR/err" "$BATS_TEST_TMPDIR/other.err"
	done
}

# faked COMMAND...: with $dir as a mount of the image.
faked() {
	[[ -e fake.so ]] || skip "no C compiler"
	export FAKE_MOUNT=$dir FAKE_BRANCHES=$PWD/branches FAKE_IMAGE=$PWD/image FAKE_LABEL='Größe 名'
	LD_PRELOAD=$PWD/fake.so ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 "$@"
}

@test "inspect prints names and labels of any bytes in every locale" {
	everywhere daxfsctl inspect image ls -lR /
	grep -q ' ä$' "$BATS_TEST_TMPDIR/out"
	grep -q ' link -> ü/名$' "$BATS_TEST_TMPDIR/out"
	grep -qF ' \xff\x5c\x0a\xe4' "$BATS_TEST_TMPDIR/out"
	for verb in '' 'ls -R /' '--json ls -R' 'ls /ä' 'stat /ä' 'cat /ä' 'stat /nö' layout log 'log x' 'extents /ä' 'extents --branch x /ö' --udev --json; do
		# shellcheck disable=SC2086
		everywhere daxfsctl inspect image $verb
	done
}

@test "list prints labels, sources and targets of any bytes in every locale" {
	ln -sf image Bild-ä
	for form in '' -P -r -J '-no LABEL'; do
		# shellcheck disable=SC2086
		everywhere daxfsctl list $form Bild-ä
		grep -qF -e 'Größe' -e 'Gr\xc3\xb6\xc3\x9fe' "$BATS_TEST_TMPDIR/out"
	done
	everywhere daxfsctl list nicht-da-ä
}

@test "branch lists branches, hosts and paths in every locale" {
	faked true
	for form in -r -P -J --raw; do
		LD_PRELOAD=$PWD/fake.so ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 faked everywhere daxfsctl branch list $form -O -m "$dir"
		grep -qF -e hôte -e 'h\xc3\xb4te' "$BATS_TEST_TMPDIR/out"
	done
	everywhere daxfsctl branch list -r --source image
	for form in '' --stat --json; do
		# shellcheck disable=SC2086
		everywhere daxfsctl branch diff x --source image $form
		grep -q ö "$BATS_TEST_TMPDIR/out"
	done
}

@test "a tree of branches is drawn with ASCII where the locale has nothing else" {
	[[ $(faked daxfsctl branch list -no NAME -m "$dir") == $'main\n├─x\n└─y' ]]
	[[ $(LC_ALL=C faked daxfsctl branch list -no NAME -m "$dir") == $'main\n|-x\n`-y' ]]
}

@test "where there is no UTF-8 at all, tables hold \\xHH in place of what is not ASCII" {
	export FAKE_NO_UTF8=1
	LC_ALL=C faked timeout 60 daxfsctl inspect image ls -l /ä | grep -qF ' /\xc3\xa4'
	LC_ALL=C faked timeout 60 daxfsctl list -no LABEL image | diff - <(printf '%s\n' 'Gr\xc3\xb6\xc3\x9fe \xe5\x90\x8d')
	LC_ALL=C faked timeout 60 daxfsctl branch list -no HOST -m "$dir" | grep -qF 'h\xc3\xb4te'
	LC_ALL=C faked daxfsctl inspect --json image | jq -e '.images[0].label == "Größe 名"'
}

@test "mkfs, fsck and extract do the same in every locale" {
	everywhere mkdaxfs -n -v -L ä -d tree -o new
	everywhere fsck.daxfs -n -V image
	everywhere fsck.daxfs -n --json image
	everywhere mkdaxfs -n -d nicht-da-ä -o new
	for locale in C C.UTF-8; do
		LC_ALL=$locale SOURCE_DATE_EPOCH=1 mkdaxfs -f -q -d tree -o "$locale.image" -L ä
		LC_ALL=$locale daxfsctl inspect "$locale.image" extract -C "$locale.tree" /
		diff -r --no-dereference tree "$locale.tree"
	done
	cmp C.image C.UTF-8.image
}
