#!/usr/bin/env bats
# What branches cost in kernel memory: slabs, with the large pieces of kmalloc, vmalloc and per-processor data, before and after.
load setup

setup_file() {
	load setup
	make_base /tmp/base
	mkdaxfs -f -q -d /tmp/base -o /tmp/base.img -w -D 256M
}

teardown() {
	unmount_all
}

# In kB, with the inodes and dentries of what is in use.
kernel_memory() {
	awk '{ v[$1] = $2 } END { print v["Slab:"] + v["VmallocUsed:"] + v["Percpu:"] + v["KernelStack:"] }' /proc/meminfo
}

@test "64 mounted branches with 100 changed files each cost less than 1 MB each" {
	start phys /tmp/base.img
	mkdir -p /mnt/many
	# The first one is there so that what the programs themselves bring in is counted before.
	for i in 0 {1..64}; do
		mkdir -p "/mnt/many/$i"
		daxfs-branch create -q "b$i" -m "/mnt/many/$i" -p main --volume "$MNT"
		rounds files "/mnt/many/$i" 100
		if ((i == 0)); then
			sync
			echo 3 >/proc/sys/vm/drop_caches
			before=$(kernel_memory)
		fi
	done
	after=$(kernel_memory)
	echo "# $(((after - before) / 64)) kB per branch" >&3
	((after - before < 64 * 1000))
	# Less than their inodes alone cannot be: then something else was measured.
	((after - before > 64 * 100 / 2))
	# They are all there, each with its own.
	for i in 1 17 64; do [ "$(find "/mnt/many/$i/many0" -type f | wc -l)" -eq 100 ]; done
	for i in 0 {1..64}; do umount "/mnt/many/$i"; done
}
