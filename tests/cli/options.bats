# Options: each one of each applet and verb is used by a test. tests/cli/coverage looks for it; here are those that fit nowhere else,
# and those of which the kernel is asked: tests/cli/fake.c stands in for it.
# shellcheck disable=SC2154 # setup.bash sets project and build
load setup.bash

setup_file() {
	load setup.bash
	make_image
	cd "$BATS_FILE_TMPDIR" || return
	mkdaxfs -q -w -D 8M -d tree -o writable
	if command -v cc >/dev/null; then
		local compile=(cc -O1 -std=gnu11 -D_GNU_SOURCE -I"$project/include")
		"${compile[@]}" -o grow "$project/tests/cli/grow.c" "$project"/kmod/core/*.c
		"${compile[@]}" -shared -fPIC -o fake.so "$project/tests/cli/fake.c"
		./grow writable x branch main
		./grow writable x write /hello changed
	fi
	printf '%s\n' "main 0 1 0 1 2 1 4096 -" "x 1 2 0 1 1 1 65536 -" "y 2 3 0 1 0 0 0 -" >branches
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
	dir=$BATS_TEST_TMPDIR/dir
	empty=$BATS_TEST_TMPDIR/empty
	calls=$BATS_TEST_TMPDIR/calls
	mkdir "$dir" "$empty"
	: >"$calls"
}

# faked COMMAND...: with $dir as a mount of writable, and mount calls that only note what they are asked.
faked() {
	[[ -e fake.so ]] || skip "no C compiler"
	FAKE_MOUNT=$dir FAKE_BRANCHES=branches FAKE_IMAGE=writable FAKE_FS="source phys size branch ro" FAKE_CALLS=$calls \
		LD_PRELOAD=$PWD/fake.so ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 "$@"
}

# asked: the kernel was asked for what stdin says, and for nothing else since the last time.
asked() {
	sed -i 's/ 472 / /' "$calls"
	diff -u - "$calls"
	: >"$calls"
}

@test "each option of each applet and verb is in a test" {
	command -v python3 >/dev/null || skip "python3 is not installed"
	"$project/tests/cli/coverage" "$project"/tests/cli/*.bats >"$BATS_TEST_TMPDIR/missing"
	cat "$BATS_TEST_TMPDIR/missing"
	[[ ! -s $BATS_TEST_TMPDIR/missing ]]
	# It does find what is missing.
	grep -v -- --all-root "$project"/tests/cli/mkfs.bats >mkfs.bats
	"$project/tests/cli/coverage" mkfs.bats | grep -qx 'daxfsctl mkfs --all-root'
	run ! grep -qx 'daxfsctl mkfs --label' <("$project/tests/cli/coverage" mkfs.bats)
}

@test "inspect -b: sizes are numbers in every verb" {
	size=$(stat -c %s tree/dir/random)
	daxfsctl inspect image stat /dir/random | grep -q '^Size: *97.7K$'
	daxfsctl inspect --bytes image stat /dir/random | grep -q "^Size: *$size$"
	daxfsctl inspect image extents /dir/random | awk 'NR == 2 { print $2 }' | grep -qx 97.7K
	daxfsctl inspect -b image extents /dir/random | awk 'NR == 2 { print $2 }' | grep -qx "$size"
	# It has no other sizes.
	daxfsctl inspect -b writable log x | cmp - <(daxfsctl inspect writable log x)
	daxfsctl inspect -b writable log x | grep -q ' size 7 '
}

@test "fsck: what boot scripts pass changes neither a clean image nor what is said of it" {
	cp image "$BATS_TEST_TMPDIR/image"
	fsck.daxfs "$BATS_TEST_TMPDIR/image" >"$BATS_TEST_TMPDIR/clean"
	fsck.daxfs -a "$BATS_TEST_TMPDIR/image" | cmp - "$BATS_TEST_TMPDIR/clean"
	fsck.daxfs -p "$BATS_TEST_TMPDIR/image" | cmp - "$BATS_TEST_TMPDIR/clean"
	fsck.daxfs -y "$BATS_TEST_TMPDIR/image" | cmp - "$BATS_TEST_TMPDIR/clean"
	fsck.daxfs -f "$BATS_TEST_TMPDIR/image" | cmp - "$BATS_TEST_TMPDIR/clean"
	fsck.daxfs -A "$BATS_TEST_TMPDIR/image" | cmp - "$BATS_TEST_TMPDIR/clean"
	cmp image "$BATS_TEST_TMPDIR/image"
}

@test "fsck -n changes nothing, whatever else is given" {
	damaged=$(copy_image)
	poke "$damaged" "$(stat -c %s image) - 4096" 00
	cp "$damaged" "$BATS_TEST_TMPDIR/before"
	for form in "-n" "-n -f" "--check-only -V"; do
		status=0
		# shellcheck disable=SC2086 # words
		fsck.daxfs $form "$damaged" >/dev/null || status=$?
		[[ $status == 4 ]]
	done
	cmp "$damaged" "$BATS_TEST_TMPDIR/before"
}

@test "fsck --extract writes what can be read, and changes nothing" {
	damaged=$(copy_image)
	poke "$damaged" 0x70 ff
	cp "$damaged" "$BATS_TEST_TMPDIR/before"
	fsck.daxfs --extract "$BATS_TEST_TMPDIR/whole" image
	fsck.daxfs --extract "$BATS_TEST_TMPDIR/saved" "$damaged" || [[ $? == 4 ]]
	for to in whole saved; do
		diff -r --no-dereference tree/dir "$BATS_TEST_TMPDIR/$to/dir"
		cmp tree/sparse "$BATS_TEST_TMPDIR/$to/sparse"
	done
	cmp "$damaged" "$BATS_TEST_TMPDIR/before"
}

@test "mount -o: what is a matter of the mount is not told to the filesystem, and the rest is" {
	faked mount.daxfs -o ro,nosuid,nofail,branch=x,x-systemd.automount phys:0x100000000+1M "$empty"
	asked <<-END
		fsopen daxfs
		set source=phys:0x100000000+1M
		set ro
		set branch=x
		set phys=0x100000000
		set size=0x100000
		create
		mount with attributes 0x13
		move to $empty
	END
	faked mount.daxfs "$empty" -o remount,ro,nodev
	asked <<-END
		fspick $empty
		fsopen again
		set ro
		reconfigure
		attributes of $empty: set 0x15, clear 0xff
	END
}

@test "mount -f asks the kernel for nothing, -n changes nothing" {
	faked mount.daxfs -f -o ro phys:0x100000000+1M "$empty"
	asked </dev/null
	faked mount.daxfs -o ro phys:0x100000000+1M "$empty"
	cp "$calls" "$BATS_TEST_TMPDIR/want"
	: >"$calls"
	faked mount.daxfs -n -o ro phys:0x100000000+1M "$empty"
	asked <"$BATS_TEST_TMPDIR/want"
	faked mount.daxfs -t daxfs phys:0x100000000+1M -o ro "$empty"
	asked <"$BATS_TEST_TMPDIR/want"
}

@test "mount -s passes over what the kernel does not know, which is an error without it" {
	fails 32 faked mount.daxfs -o new=1,ro phys:0x100000000+1M "$empty"
	says "phys:0x100000000+1M: Unknown parameter 'new'"
	run ! grep -q '^move' "$calls"
	: >"$calls"
	faked mount.daxfs -s -o new=1,ro phys:0x100000000+1M "$empty" 2>"$BATS_TEST_TMPDIR/err"
	grep -qx 'set ro' "$calls"
	grep -qx "move to $empty" "$calls"
	[[ ! -s $BATS_TEST_TMPDIR/err ]]
}

@test "mount -v says what was mounted, and nothing is said without it" {
	[[ ! $(faked mount.daxfs phys:0x100000000+1M "$empty") ]]
	[[ $(faked mount.daxfs -v phys:0x100000000+1M "$empty") == "phys:0x100000000+1M mounted on $empty as phys:0x100000000+1M (branch x)" ]]
}

@test "mount -N enters the namespace of a process or a file before it looks at anything" {
	faked mount.daxfs -N "$$" phys:0x100000000+1M "$empty"
	head -n 1 "$calls" | diff - <(echo "enter $(readlink "/proc/$$/ns/mnt")")
	: >"$calls"
	faked mount.daxfs --namespace "/proc/$$/ns/mnt" -f phys:0x100000000+1M "$empty"
	asked <<<"enter $(readlink "/proc/$$/ns/mnt")"
}

@test "branch create --stay, -p and -q" {
	[[ ! $(faked daxfsctl branch create new --stay -q -m "$dir") ]]
	asked <<<"CREATE name=new other=x flags=1"
	[[ $(faked daxfsctl branch create new --parent main -m "$dir") == "created branch \"new\" from \"main\", which is read-only now; $dir shows \"new\"" ]]
	asked <<<"CREATE name=new other=main flags=0"
}

@test "branch create -s mounts the new branch of an image that is not mounted" {
	[[ $(faked daxfsctl branch create new -s phys:0x100000000+1M -m "$empty") == "created branch \"new\" from \"x\", which is read-only now; $empty shows \"new\"" ]]
	asked <<-END
		fsopen daxfs
		set source=phys:0x100000000+1M
		set phys=0x100000000
		set size=0x100000
		create
		mount with attributes 0x10
		CREATE name=new other=x flags=1
		fsopen daxfs
		set source=none
		set volume to a file
		set branch=new
		create
		mount with attributes 0x10
		move to $empty
	END
}

@test "branch create --volume mounts the new branch elsewhere" {
	[[ $(faked daxfsctl branch create new --volume "$dir" -p y -m "$empty") == "created branch \"new\" from \"y\", which is read-only now; $empty shows \"new\"" ]]
	asked <<-END
		CREATE name=new other=y flags=1
		fsopen daxfs
		set source=none
		set volume to a file
		set branch=new
		create
		mount with attributes 0x10
		move to $empty
	END
}

@test "branch mount --volume mounts a branch elsewhere, with -q without a word" {
	[[ $(faked daxfsctl branch mount y "$empty" --volume "$dir") == "$empty shows branch \"y\"" ]]
	cp "$calls" "$BATS_TEST_TMPDIR/want"
	asked <<-END
		fsopen daxfs
		set source=none
		set volume to a file
		set branch=y
		create
		mount with attributes 0x10
		move to $empty
	END
	[[ ! $(faked daxfsctl branch mount y "$empty" --volume "$dir" --quiet) ]]
	asked <"$BATS_TEST_TMPDIR/want"
}

@test "a new branch that cannot be mounted is taken back" {
	fails 1 faked env FAKE_FS=source daxfsctl branch create new --volume "$dir" -m "$empty"
	says "Unknown parameter 'branch'"
	sed -i 's/ 472 / /' "$calls"
	tail -n 1 "$calls" | diff - <(echo "ABORT name=new other= flags=0")
}

@test "branch -m is the mount, -q says nothing when all is well" {
	[[ ! $(faked daxfsctl branch switch y -q -m "$dir") ]]
	asked <<<"SWITCH name=y other= flags=0"
	[[ ! $(faked daxfsctl branch rename y new -q -m "$dir") ]]
	asked <<<"RENAME name=y other=new flags=0"
	[[ ! $(faked daxfsctl branch commit x -q -m "$dir") ]]
	asked <<<"COMMIT name=x other= flags=0"
	[[ ! $(faked daxfsctl branch abort y --quiet --mount "$dir") ]]
	asked <<<"ABORT name=y other= flags=0"
}

@test "branch commit --dry-run --stat has sizes, a sum and what would go, and calls nothing" {
	[[ -x grow ]] || skip "no C compiler"
	daxfsctl branch diff x -s writable --stat >"$BATS_TEST_TMPDIR/want"
	grep -q ' 0 deleted, 0 added, 2 modified, 0 renamed, -12 bytes$' <(sed 's/^/ /' "$BATS_TEST_TMPDIR/want")
	echo 'would discard branch "y"' >>"$BATS_TEST_TMPDIR/want"
	faked daxfsctl branch commit --dry-run --stat -m "$dir" | diff "$BATS_TEST_TMPDIR/want" -
	asked </dev/null
}
