// SPDX-License-Identifier: GPL-2.0-only
/* The core's memory, to be broken on purpose. */
#include "broken.h"

u64 broken_copies, broken_copy_at, broken_alloc_at, broken_pause_at, broken_noise;

void (*broken_fence)(void);
void (*broken_on_copy)(void);
void (*broken_on_change)(void);
void (*broken_on_pause)(void);
void (*broken_write_back)(const void *p, size_t n);

void dxc_write_back(const void *p, size_t n)
{
	if (broken_write_back)
		broken_write_back(p, n);
}

void dxc_write_fence(bool persistent)
{
	(void)persistent;
	if (broken_fence)
		broken_fence();
}

__le64 dxc_cmpxchg(__le64 *p, __le64 old, __le64 new)
{
	if (broken_on_change)
		broken_on_change();
	__atomic_compare_exchange_n(p, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return old;
}

void dxc_store(void *dst, const void *src, size_t n)
{
	if (broken_on_change)
		broken_on_change();
	memcpy(dst, src, n);
}

/* xorshift64*, Vigna 2014. The state must not be 0. */
u64 broken_random(u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

u64 broken_secret = 0x9e3779b97f4a7c15ull;

/* The same each time, so that what a test found can be found again. */
u64 dxc_random(void)
{
	return broken_secret;
}

void *dxc_alloc(size_t count, size_t size)
{
	if (broken_alloc_at && !--broken_alloc_at)
		return NULL;
	return calloc(count ? count : 1, size);
}

int dxc_pause(void)
{
	if (broken_on_pause)
		broken_on_pause();
	/* He does not change his mind. */
	broken_pause_at -= broken_pause_at > 1;
	return broken_pause_at == 1 ? -EINTR : 0;
}

int dxc_copy(void *dst, const void *src, size_t n)
{
	u64 bits;

	broken_copies++;
	if (broken_on_copy)
		broken_on_copy();
	if (broken_copy_at && !--broken_copy_at)
		return -EIO;
	memcpy(dst, src, n);
	if (broken_noise && n) {
		bits = broken_random(&broken_noise);
		if (bits % 4 == 0) {
			((u8 *)dst)[(bits >> 8) % n] ^= 1u << (bits >> 4) % 8;
			if (bits >> 60 == 0)
				((u8 *)dst)[(bits >> 20) % n] = 0xff;
		}
	}
	return 0;
}
