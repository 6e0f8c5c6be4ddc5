# Over 2,000 random valid images: no prober takes one for something else, and ours takes all of them for what they are.
# shellcheck disable=SC2154 # setup.bash sets project and patched
load setup.bash

setup_file() {
	load setup.bash
	build_patched
	export DAXFS_SEED=${DAXFS_SEED:-$RANDOM}
	gcc -std=gnu11 -O2 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I"$project/include" -o "$BATS_FILE_TMPDIR/grow" \
		"$project/tests/cli/grow.c" "$project"/kmod/core/*.c
	mkdir "$BATS_FILE_TMPDIR/images"
	"$project/tests/blkid/make-images" "$DAXFS_SEED" 2001 "$BATS_FILE_TMPDIR/images" mkdaxfs "$BATS_FILE_TMPDIR/grow"
}

setup() {
	cd "$BATS_FILE_TMPDIR/images"
	echo "DAXFS_SEED=$DAXFS_SEED"
	[[ $(printf '%s\n' ./*.img | wc -l) == 2001 ]]
	# One that is recognised: what is asked of the images is asked of it too.
	truncate -s 1M control
	mkfs.ext4 -q -F control 2>/dev/null
}

@test "they are valid" {
	local image
	for image in ./*[05].img; do
		fsck.daxfs -n "$image" >/dev/null || { echo "$image" && return 1; }
	done
}

@test "the installed blkid -p finds nothing in any of them" {
	# It gives up at the first device that holds nothing: one at a time.
	local image
	for image in ./*.img control; do
		blkid -p "$image" 2>&1 || [[ $? == 2 ]]
	done >"$BATS_TEST_TMPDIR/out"
	[[ $(wc -l <"$BATS_TEST_TMPDIR/out") == 1 && $(<"$BATS_TEST_TMPDIR/out") == control:*' TYPE="ext4"'* ]]
}

@test "the installed wipefs finds nothing in any of them" {
	printf '%s\n' ./*.img | xargs -n 250 sh -c 'wipefs --noheadings -O DEVICE,OFFSET,TYPE "$@" control 2>&1' - | sort -u >"$BATS_TEST_TMPDIR/out"
	diff <(xargs <"$BATS_TEST_TMPDIR/out") - <<<'control 0x438 ext4'
}

@test "with our prober wipefs finds a daxfs at offset 0 in each of them, and nothing else" {
	printf '%s\n' ./*.img | xargs -n 250 "$patched/wipefs" --noheadings -O OFFSET,TYPE >"$BATS_TEST_TMPDIR/out" 2>&1
	[[ $(sed 's/ \+/ /g' "$BATS_TEST_TMPDIR/out" | sort | uniq -c | xargs) == '2001 0x0 daxfs' ]]
}

@test "with our prober blkid says of each what inspect --udev says" {
	local image
	for image in ./*7.img; do
		# Without the quotes that udev takes away, and what udev has no use for.
		diff <(daxfsctl inspect --udev "$image" | sed -E 's/^(ID_FS_LABEL=)"(.*)"$/\1\2/' | sort) \
			<("$patched/blkid" -p -o udev "$image" | grep -v '^ID_FS_BLOCK_SIZE=' | sort) || { echo "$image" && return 1; }
	done
}
