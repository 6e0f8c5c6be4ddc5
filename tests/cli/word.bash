# shellcheck shell=bash
# Words of an image's tables, with their check, as include/daxfs/format.h has them: for tests that poke them.

# word KIND INDEX [NUMBER]: the eight bytes of a word, for poke. KIND is one of enum daxfs_word_kind or of enum daxfs_chunk_kind;
# a word of one number has it as INDEX.
word() {
	local -A kinds=([state]=1 [branch]=2 [link]=3 [holder]=4 [owner]=5 [number]=6 [log]=8 [data]=9 [freed]=10)
	local -i kind=${kinds[$1]:-$1} index=$2 number=${3:-0} word check=0 bit i
	word=$((number << 28 | index << 12 | kind << 8))
	for ((bit = 63; bit >= 8; bit--)); do
		check=$((check << 1 ^ (((check >> 7 ^ word >> bit) & 1) * 7)))
		check=$((check & 0xff))
	done
	word=$((word | check))
	for ((i = 0; i < 64; i += 8)); do
		printf '%02x ' $((word >> i & 0xff))
	done
}

# States of branches: word state "$LIVE" GENERATION.
# shellcheck disable=SC2034
MAKING=0x0f LIVE=0x33 DEAD=0x55
