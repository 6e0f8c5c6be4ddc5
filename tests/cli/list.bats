# list: every daxfs that can be seen, in the forms of lsblk. tests/cli/fake.c stands in for mounts.
# shellcheck disable=SC2154 # setup.bash sets project
load setup.bash

setup_file() {
	load setup.bash
	make_image
	mkdaxfs -q -w -D 8M -L 'back\slash' -U 11111111-2222-3333-4444-555555555555 -d "$BATS_FILE_TMPDIR/tree" -o "$BATS_FILE_TMPDIR/writable"
	if command -v cc >/dev/null; then
		cc -O1 -std=gnu11 -D_GNU_SOURCE -I"$project/include" -shared -fPIC -o "$BATS_FILE_TMPDIR/fake.so" "$project/tests/cli/fake.c"
	fi
	cat >"$BATS_FILE_TMPDIR/branches" <<-END
		main 0 1 0 1 2 1 4096 -
		a 1 2 0 1 1 1 65536 -
	END
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
	dir=$BATS_TEST_TMPDIR/dir
	mkdir "$dir"
}

# faked COMMAND...: with $dir as a mount, and the lines of mountinfo as the mount table.
faked() {
	[[ -e fake.so ]] || skip "no C compiler"
	FAKE_MOUNT=$dir FAKE_BRANCHES=$BATS_FILE_TMPDIR/branches FAKE_LABEL=fake FAKE_MOUNTINFO=$BATS_TEST_TMPDIR/mountinfo \
		LD_PRELOAD=$BATS_FILE_TMPDIR/fake.so ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 "$@"
}

# mounted TARGET [ROOT [DEVICE]]: a line of the mount table; DEVICE: that of $dir.
mounted() {
	local dev=${3:-}
	[[ $dev ]] || dev=$((0x$(stat -c %D "$dev$dir") >> 8 & 0xfff)):$((0x$(stat -c %D "$dir") & 0xff))
	echo "100 1 $dev ${2:-/} $1 ro,relatime - daxfs daxfs:fake ro,phys=0x100000000,size=0x8000000,branch=a" >>"$BATS_TEST_TMPDIR/mountinfo"
}

# Every column, of one that is writable.
all='["backing","branches","label","region_size","size","source","targets","use_percent","used","uuid","version"]'

@test "files that are named have a line each, in that order" {
	daxfsctl list writable image >"$BATS_TEST_TMPDIR/out"
	[[ $(wc -l <"$BATS_TEST_TMPDIR/out") == 3 ]]
	head -n 1 "$BATS_TEST_TMPDIR/out" | grep -Eq '^SOURCE +BACKING +FSVER +LABEL +UUID +SIZE +USE% +BRANCHES +TARGETS$'
	sed -n 2p "$BATS_TEST_TMPDIR/out" | grep -Eq '^writable +file +2 +back\\x5cslash +11111111-2222-3333-4444-555555555555 +[0-9.]+M +[0-9]+% +1 *$'
	sed -n 3p "$BATS_TEST_TMPDIR/out" | grep -Eq '^image +file +2 +testlabel +[0-9a-f-]{36} +[0-9.]+M +100% *$'
}

@test "--json has all columns, in bytes, and a schema" {
	for option in -J --json; do
		daxfsctl list "$option" writable image >"$BATS_TEST_TMPDIR/json"
		jq -e --argjson all "$all" --argjson size "$(stat -c %s writable)" '.schema == 1 and keys == ["schema", "volumes"] and (.volumes | length) == 2 and
			(.volumes[0] | keys == $all and .source == "writable" and .backing == "file" and .version == 2 and .label == "back\\x5cslash" and
			.uuid == "11111111-2222-3333-4444-555555555555" and .size == $size and .region_size == $size and .branches == 1 and .targets == [] and
			.used < 8388608 and .use_percent <= 100 and .use_percent > 0) and
			(.volumes[1] | keys == $all - ["branches"] and .use_percent == 100)' "$BATS_TEST_TMPDIR/json"
	done
	daxfsctl list -J -o label,SIZE image | jq -e '.volumes[0] | keys == ["label", "size"]'
}

@test "the letters of lsblk: -o -O -P -r -n -b" {
	daxfsctl list -o label,Source image | diff - <(printf 'LABEL     SOURCE\ntestlabel image\n')
	daxfsctl list --output LABEL,LABEL --noheadings image | diff - <(echo testlabel)
	daxfsctl list -O image | head -n 1 | grep -Eq ' TARGETS +USED +REGION$'
	daxfsctl list --output-all image | cmp - <(daxfsctl list -O image)
	daxfsctl list -P -o source,label,branches image | diff - <(echo 'SOURCE="image" LABEL="testlabel" BRANCHES=""')
	daxfsctl list --pairs -o source,backing image | diff - <(echo 'SOURCE="image" BACKING="file"')
	daxfsctl list -r -o source,backing image | diff - <(printf 'SOURCE BACKING\nimage file\n')
	daxfsctl list --raw -n -o source,backing image | diff - <(echo 'image file')
	size=$(stat -c %s image)
	[[ $(daxfsctl list -bno size image) == "$size" && $(daxfsctl list --bytes -no region image) == "$size" ]]
	daxfsctl list -no size image | grep -q '^[0-9.]*M$'
}

@test "what is no daxfs, or not there, is named, and the others are listed" {
	fails 3 daxfsctl list missing
	says 'missing: No such file'
	fails 3 daxfsctl list tree/hello
	says 'no daxfs'
	fails 1 daxfsctl list "$dir"
	damaged=$(copy_image)
	poke "$damaged" 0x70 ff
	fails 1 daxfsctl list "$damaged"
	says 'checksum'
	status=0
	daxfsctl list -no source missing image 2>/dev/null >"$BATS_TEST_TMPDIR/out" || status=$?
	[[ $status == 3 && $(<"$BATS_TEST_TMPDIR/out") == image ]]
	[[ $(daxfsctl list -J missing 2>/dev/null | jq -c .) == '{"schema":1,"volumes":[]}' ]]
}

@test "wrong use exits 2" {
	misused 2 daxfsctl list -Z
	misused 2 daxfsctl list -o
	misused 2 daxfsctl list -o SHOE
	says '"SHOE"'
	misused 2 daxfsctl list -o ''
	misused 2 daxfsctl list -O -o LABEL
	misused 2 daxfsctl list -J -P
	misused 2 daxfsctl list -P -r
	misused 2 daxfsctl list --json=1
}

@test "what is mounted is listed once, with all its targets and where it is in memory" {
	mounted "$dir"
	mounted /somewhere/else
	mounted /a/part /dir
	faked daxfsctl list -J >"$BATS_TEST_TMPDIR/json"
	jq -e --argjson all "$all" --arg dir "$dir" '[.volumes[] | select(.label == "fake")] | length == 1 and (.[0] | keys == $all and
		.source == "phys:0x100000000+0x8000000" and .backing == "phys" and .size == 67108864 and .region_size == 134217728 and
		.branches == 2 and .targets == [$dir, "/somewhere/else", "/a/part"])' "$BATS_TEST_TMPDIR/json"
	faked daxfsctl list -no targets "$dir" | diff - <(printf '%s\n' "$dir" /somewhere/else /a/part)
	faked daxfsctl list -J "$dir" | jq -e '.volumes | length == 1 and .[0].label == "fake"'
}

@test "a mount of a part that is named answers for its volume, wherever the root is" {
	mounted "$dir" /part
	mounted /other /another/part
	faked daxfsctl list -J "$dir" | jq -e --arg dir "$dir" '.volumes | length == 1 and .[0].label == "fake" and .[0].targets == [$dir, "/other"]'
	: >"$BATS_TEST_TMPDIR/mountinfo"
	fails 1 faked daxfsctl list "$dir"
	says 'not in /proc/self/mountinfo'
}

@test "a mount that does not answer is listed as the mount table has it" {
	mounted '/odd\040place' / 0:4095
	mounted /other / 0:4095
	faked daxfsctl list -J | jq -e '[.volumes[] | select(.source == "daxfs:fake")] == [{source: "daxfs:fake", backing: "unknown", targets: ["/odd place", "/other"]}]'
}

@test "without anything to see nothing is printed, and JSON is an empty list" {
	: >"$BATS_TEST_TMPDIR/mountinfo"
	[[ $(faked daxfsctl list -J | jq -c '[.volumes[] | select(.backing != "block" and .backing != "dax")]') == '[]' ]]
	run ! grep -v '^SOURCE\|^/dev/' <(faked daxfsctl list)
}

@test "a block device with an image is found without being named" {
	((EUID == 0)) || skip "needs root"
	cp writable "$BATS_TEST_TMPDIR/copy"
	loop=$(losetup -f --show "$BATS_TEST_TMPDIR/copy" 2>/dev/null) || skip "no loop devices"
	daxfsctl list -J >"$BATS_TEST_TMPDIR/json"
	daxfsctl list -no source,backing "$loop" >"$BATS_TEST_TMPDIR/named"
	printf 'no more' | dd of="$loop" conv=notrunc status=none
	daxfsctl list -J >"$BATS_TEST_TMPDIR/after"
	losetup -d "$loop"
	jq -e --arg loop "$loop" '.volumes[] | select(.source == $loop) | .backing == "block" and .uuid == "11111111-2222-3333-4444-555555555555" and .branches == 1' "$BATS_TEST_TMPDIR/json"
	grep -q "^$loop block$" "$BATS_TEST_TMPDIR/named"
	jq -e --arg loop "$loop" '[.volumes[] | select(.source == $loop)] == []' "$BATS_TEST_TMPDIR/after"
}

@test "devices that may not be read are passed over, and named ones are not" {
	((EUID == 0)) || skip "only root can become somebody else"
	shared=$(mktemp -d)
	chmod 755 "$shared"
	cp "$build/daxfsctl" image "$shared"
	chmod 755 "$shared/daxfsctl"
	chmod 600 "$shared/image"
	status=0
	as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	"${as_nobody[@]}" "$shared/daxfsctl" list >/dev/null 2>"$BATS_TEST_TMPDIR/quiet" || status=$?
	named=0
	"${as_nobody[@]}" "$shared/daxfsctl" list "$shared/image" 2>"$BATS_TEST_TMPDIR/err" || named=$?
	rm -r "$shared"
	[[ $status == 0 && ! -s $BATS_TEST_TMPDIR/quiet && $named == 1 ]]
	says 'Permission denied'
}

@test "tables that lie are counted within bounds" {
	cp writable "$BATS_TEST_TMPDIR/lies"
	for table in branches mounts chunks; do
		offset=$(daxfsctl inspect --json writable | jq --arg name "$table" '.images[0].areas[] | select(.name == $name).offset')
		head -c 1024 /dev/urandom | dd of="$BATS_TEST_TMPDIR/lies" bs=1 seek="$offset" conv=notrunc status=none
	done
	daxfsctl list -J "$BATS_TEST_TMPDIR/lies" | jq -e '.volumes[0] | .use_percent <= 100'
	daxfsctl inspect "$BATS_TEST_TMPDIR/lies" layout >/dev/null
	daxfsctl inspect -J "$BATS_TEST_TMPDIR/lies" layout | jq -e '([.layouts[0].chunks[].count] | add) == 2048'
}
