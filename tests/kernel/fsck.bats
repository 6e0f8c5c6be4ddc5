#!/usr/bin/env bats
# fsck of what a kernel has mounted, had mounted, or left behind: on physical memory and on a device.
load setup

setup_file() {
	load setup
	make_base /tmp/base
	mkdaxfs -f -q -d /tmp/base -o /tmp/base.img
	mkdaxfs -f -q -d /tmp/base -o /tmp/rw.img -w -D 16M
}

teardown() {
	unmount_all
}

# region: what fsck takes, of what start has prepared.
region() {
	case $START in
	phys) echo "phys:$DAXFS_PHYS_ADDR+$DAXFS_PHYS_SIZE" ;;
	pmem) echo "$DAXFS_PMEM" ;;
	esac
}

# memory OFFSET COUNT|HEX...: prints bytes of the physical memory, or stores them.
memory() {
	python3 - "$((DAXFS_PHYS_ADDR + $1))" "${@:2}" <<'PY'
import mmap, os, sys
at, page = int(sys.argv[1]), int(sys.argv[1]) % 4096
fd = os.open("/dev/mem", os.O_RDWR)
mem = mmap.mmap(fd, 8192, offset=at - page)
if sys.argv[2].startswith("+"):
    print(mem[page:page + int(sys.argv[2])].hex())
else:
    for i, byte in enumerate(sys.argv[2:]):
        mem[page + i] = int(byte, 16)
PY
}

# bytes OFFSET COUNT: of the region, in hex.
bytes() {
	case $START in
	phys) memory "$1" "+$2" ;;
	pmem) dd if="$DAXFS_PMEM" bs=1 skip="$1" count="$2" iflag=nocache status=none | xxd -p ;;
	esac
}

# poke OFFSET HEX...: into the region.
poke() {
	case $START in
	phys) memory "$@" ;;
	# shellcheck disable=SC2059 # the format is the bytes
	pmem) printf "$(printf '\\x%s' "${@:2}")" | dd of="$DAXFS_PMEM" bs=1 seek="$1" conv=notrunc,fsync status=none ;;
	esac
}

# at AREA [PLUS]: an offset in the region.
at() {
	daxfsctl inspect --json /tmp/rw.img | jq -e ".images[0].areas[] | select(.name == \"$1\").offset + ${2:-0}"
}

# checks STATUS OPTION...: fsck exits with STATUS; what it said is in $output.
checks() {
	local want=$1
	shift
	run fsck.daxfs "$@"
	echo "$output"
	[ "$status" -eq "$want" ]
}

# Damage that -p repairs: bytes at CHUNK are a word that means nothing.
damage() {
	CHUNK=$(at chunks 800)
	poke "$CHUNK" 09 09
	[ "$(bytes "$CHUNK" 1)" = 09 ]
}

@test "phys and pmem: what is mounted is not repaired, is repaired when it is not, and is then mounted as before" {
	for backing in phys pmem; do
		start "$backing" /tmp/rw.img
		echo text >"$MNT/new"
		checks 0 -n "$MNT"
		[[ $output == *"clean"* ]]
		sync -f "$MNT"
		# Beside the mount, as whoever has no business there.
		if [ "$backing" = phys ]; then
			damage
			checks 4 -n "$(region)"
			[[ $output == *"impossible word of a chunk"*"is mounted"* ]]
			checks 4 -n "$MNT"
			for option in -p -y; do
				checks 8 "$option" "$(region)"
				[[ $output == *"is mounted by "*"nothing was changed"* ]]
			done
			[ "$(bytes "$CHUNK" 1)" = 09 ]
		else
			checks 0 -n "$(region)"
			checks 8 -p "$(region)"
			checks 8 -y "$(region)"
		fi
		checks 8 -y "$MNT"
		umount "$MNT"
		[ "$backing" = phys ] || damage
		checks 1 -p "$(region)"
		[[ $output == *": repaired"*"1 repaired, 0 left alone" ]]
		checks 0 -n "$(region)"
		[[ $output == *": clean, "* ]]
		show branch=main,validate
		[ "$(cat "$MNT/new")" = text ]
		rm "$MNT/new"
		touch -r /tmp/base "$MNT"
		same /tmp/base "$MNT"
		is_clean
	done
}

@test "phys: a read-only image that is mounted here is not repaired either" {
	put phys /tmp/base.img
	START=phys
	mkdir -p "$MNT"
	mount -i -t daxfs -o "$OPTS" "$SOURCE" "$MNT"
	end=$(stat -c %s /tmp/base.img)
	poke "$((end - 4096 + 8))" 00 00
	checks 4 -n "$(region)"
	checks 12 -p "$(region)"
	[[ $output == *"is mounted on $MNT"* ]]
	[ "$(bytes "$((end - 4096 + 8))" 2)" = 0000 ]
	umount "$MNT"
	checks 1 -p "$(region)"
	checks 0 -n "$(region)"
	# And its superblock, in memory that is longer than the image.
	poke 0 00 00 00 00 00 00 00 00
	checks 4 -p "$(region)"
	checks 1 -y "$(region)"
	mount -i -t daxfs -o "$OPTS,validate" "$SOURCE" "$MNT"
	same /tmp/base "$MNT"
}

@test "fsck -A repairs what a boot finds of a kernel that went down with it mounted, and mount -a mounts it" {
	ln -sf "$BIN/mount.daxfs" "$BIN/fsck.daxfs" /usr/sbin/
	start pmem /tmp/rw.img
	umount "$MNT"
	# A slot, the lock and the lease of main, of a mount that is nowhere; and a record that was not written to its end
	# shellcheck disable=SC2046 # bytes
	poke "$(at mounts)" $(word owner 0 5)
	# shellcheck disable=SC2046
	poke "$(at shared 80)" $(word holder 0 5)
	# shellcheck disable=SC2046
	poke "$(at branches 32)" $(word holder 0 5)
	echo "$DAXFS_PMEM $MNT daxfs defaults 0 2" >/etc/fstab
	run fsck -A -T -a
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"3 repaired, 0 left alone"* ]]
	run fsck -A -T -a
	[ "$status" -eq 0 ]
	mount -a
	: >/etc/fstab
	same /tmp/base "$MNT"
	echo text >"$MNT/new"
	is_clean
}
