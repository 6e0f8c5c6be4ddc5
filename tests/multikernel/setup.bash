# What the tests of several kernels have in common.
# shellcheck shell=bash

setup() {
	TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	PATH=$TOP/build:$PATH
	SHARED=$(mktemp -d -p /dev/shm)
}

teardown() {
	rm -rf "$SHARED"
}

# both GUEST ARG...: an image made with these arguments in the memory of two VMs, which run what GUEST prints, with their number.
# DAXFS_TEST_KERNEL: which kernel (6.12).
# FIRST_QEMU: more arguments for QEMU, for the first one only. FIRST_DIES: how it ends does not count.
both() {
	local guest=$1 first
	shift
	mkdaxfs -q "$@" -o "$SHARED/memory"
	truncate -s 256M "$SHARED/memory"
	mkdir "$SHARED/share"
	export DAXFS_VM_SHARED_PHYS=$SHARED/memory DAXFS_VM_PHYS=256M DAXFS_VM_PMEM=0 DAXFS_VM_SHARE=$SHARED/share DAXFS_VM_ENV="PATH FSCK"
	"$guest" >"$SHARED/share/guest"
	cd "$TOP" || return
	DAXFS_VM_QEMU=${FIRST_QEMU:-} tests/vm/run --kernel "${DAXFS_TEST_KERNEL:-6.12}" --mem 1G -- bash /mnt/share/guest 1 >"$SHARED/out.1" 2>&1 &
	first=$!
	tests/vm/run --kernel "${DAXFS_TEST_KERNEL:-6.12}" --mem 1G -- bash /mnt/share/guest 2 >"$SHARED/out.2" 2>&1 || { cat "$SHARED"/out.*; false; }
	wait "$first" || [[ ${FIRST_DIES:-} ]] || { cat "$SHARED"/out.*; false; }
}

# ahead of each guest: $me is its number, $where the mount options of the region.
guest_start() {
	cat <<'SH'
set -e
trap 'dmesg | grep daxfs: >&2' EXIT
me=$1
region=phys:$DAXFS_PHYS_ADDR+$DAXFS_PHYS_SIZE
where=phys=$DAXFS_PHYS_ADDR,size=$DAXFS_PHYS_SIZE
reach() { : >/mnt/share/$1; }
# until COMMAND ARG...: it succeeds within a minute.
until_ok() {
	local i
	for ((i = 0; i < 600; i++)); do
		! "$@" >/dev/null 2>&1 || return 0
		read -rt 0.1 <> <(:) || :
	done
	echo "never: $*" >&2
	false
}
await() { until_ok test -e /mnt/share/$1; }
show() {
	mkdir -p /mnt/$1
	mount -i -t daxfs -o "$2,$where,branch=$1" none /mnt/$1
}
SH
}
