// SPDX-License-Identifier: GPL-2.0-only
/*
 * The digest: 64 x 64 -> 128 bit multiplications whose halves are folded, two
 * per 32 bytes, in four lanes that do not wait for each other. What a lane
 * held is kept beside the product, so that a product of zero loses nothing.
 */
#include "digest.h"

__extension__ typedef unsigned __int128 wide;

/* Odd, with as many ones as zeros: digits of pi. */
static const u64 key[4] = {
	0x243f6a8885a308d3ull, 0x13198a2e03707345ull,
	0xa4093822299f31d1ull, 0x082efa98ec4e6c89ull,
};

static u64 load(const u8 *p)
{
	__le64 raw;

	memcpy(&raw, p, sizeof(raw));
	return le64_to_cpu(raw);
}

static u64 fold(u64 a, u64 b)
{
	wide product = (wide)a * b;

	return (u64)product ^ (u64)(product >> 64);
}

static u64 turn(u64 x, int n)
{
	return x << n | x >> (64 - n);
}

static void step(u64 lane[4], const u8 *p)
{
	u64 a = load(p), b = load(p + 8), c = load(p + 16), d = load(p + 24);

	lane[0] = turn(lane[0], 29) ^ fold(a ^ key[0], b ^ lane[0] ^ key[1]);
	lane[1] = turn(lane[1], 31) + a;
	lane[2] = turn(lane[2], 37) ^ fold(c ^ key[2], d ^ lane[2] ^ key[3]);
	lane[3] = turn(lane[3], 41) + (d ^ b);
}

void digest_init(struct digest *d, u64 seed)
{
	for (int i = 0; i < 4; i++)
		d->lane[i] = fold(seed ^ key[i], key[(i + 1) & 3] + i);
	d->length = 0;
}

void digest_add(struct digest *d, const void *bytes, size_t n)
{
	size_t have = d->length % DIGEST_STEP;
	const u8 *p = bytes;
	u64 lane[4];

	if (!n)
		return;
	d->length += n;
	if (have) {
		size_t part = min_t(size_t, n, DIGEST_STEP - have);

		memcpy(d->rest + have, p, part);
		if (have + part < DIGEST_STEP)
			return;
		step(d->lane, d->rest);
		p += part;
		n -= part;
	}
	memcpy(lane, d->lane, sizeof(lane));
	for (; n >= DIGEST_STEP; n -= DIGEST_STEP, p += DIGEST_STEP)
		step(lane, p);
	memcpy(d->lane, lane, sizeof(lane));
	if (n)
		memcpy(d->rest, p, n);
}

void digest_end(struct digest *d, u64 out[2])
{
	size_t have = d->length % DIGEST_STEP;
	u64 *lane = d->lane;

	if (have) {
		memset(d->rest + have, 0, DIGEST_STEP - have);
		step(lane, d->rest);
	}
	lane[1] ^= d->length;
	for (int i = 0; i < 3; i++) {
		u64 first = lane[0];

		lane[0] = turn(lane[0], 23) ^ fold(lane[0] ^ key[0], lane[1] ^ key[3]);
		lane[1] = turn(lane[1], 29) ^ fold(lane[1] ^ key[1], lane[2] ^ key[2]);
		lane[2] = turn(lane[2], 31) ^ fold(lane[2] ^ key[2], lane[3] ^ key[1]);
		lane[3] = turn(lane[3], 37) ^ fold(lane[3] ^ key[3], first ^ key[0]);
	}
	out[0] = lane[0] ^ lane[2];
	out[1] = lane[1] + lane[3];
}

void digest_bytes(u64 seed, const void *bytes, size_t n, u64 out[2])
{
	struct digest d;

	digest_init(&d, seed);
	digest_add(&d, bytes, n);
	digest_end(&d, out);
}

void digest_add_number(struct digest *d, u64 number)
{
	__le64 raw = cpu_to_le64(number);

	digest_add(d, &raw, sizeof(raw));
}
