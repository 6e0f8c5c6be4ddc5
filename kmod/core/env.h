/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the core needs from the place it runs in: integer types, byte order,
 * memory copies, allocation, sorting. The only file of the core that knows
 * whether it is in a kernel or in a process. It decides nothing about bytes.
 */
#ifndef DXC_ENV_H
#define DXC_ENV_H

#ifdef __KERNEL__

#include <linux/types.h>
#include <linux/compiler.h>
#include <linux/atomic.h>
#include <linux/crc32c.h>
#include <linux/errno.h>
#include <linux/libnvdimm.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/stat.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <asm/byteorder.h>

#define dxc_crc32c(crc, p, n)	(~crc32c(~(u32)(crc), p, n))

/* Zeroed memory, NULL when there is none. dxc_free takes NULL. */
static inline void *dxc_alloc(size_t count, size_t size)
{
	/* Most are small, and kvcalloc() is a long way to kmalloc(). */
	if (likely(count == 1 && size <= PAGE_SIZE))
		return kzalloc(size, GFP_KERNEL | __GFP_NOWARN);
	return kvcalloc(count, size, GFP_KERNEL | __GFP_NOWARN);
}

static inline void dxc_free(void *p)
{
	kvfree(p);
}

struct dxc_sorter {
	int (*cmp)(const void *a, const void *b);
	u32 calls;
};

/* Millions of elements take seconds, which others must have their part of. */
static inline int dxc_sort_cmp(const void *a, const void *b, const void *priv)
{
	struct dxc_sorter *sorter = (void *)priv;

	if (++sorter->calls % 4096 == 0)
		cond_resched();
	return sorter->cmp(a, b);
}

static inline void dxc_sort(void *base, size_t n, size_t size,
			    int (*cmp)(const void *, const void *))
{
	struct dxc_sorter sorter = { .cmp = cmp };

	sort_r(base, n, size, dxc_sort_cmp, NULL, &sorter);
}

/*
 * Called now and then by loops over the whole image. May sleep. Nonzero when
 * the caller should stop because somebody wants to kill the task.
 */
static inline int dxc_pause(void)
{
	cond_resched();
	return fatal_signal_pending(current) ? -EINTR : 0;
}

static inline u64 dxc_random(void)
{
	return get_random_u64();
}

/* Copies from memory that may have poisoned lines: 0 or -EIO. */
static inline int dxc_copy(void *dst, const void *src, size_t n)
{
#ifdef CONFIG_ARCH_HAS_COPY_MC
	if (copy_mc_to_kernel(dst, src, n))
		return -EIO;
#else
	memcpy(dst, src, n);
#endif
	return 0;
}

/* Writes lines back to persistent memory; done after the next fence. */
static inline void dxc_write_back(const void *p, size_t n)
{
#ifdef CONFIG_ARCH_HAS_PMEM_API
	arch_wb_cache_pmem((void *)p, n);
#endif
}

/* Orders write-backs and stores before what comes after. */
static inline void dxc_write_fence(bool persistent)
{
	if (persistent)
		pmem_wmb();	/* what it pairs with, the callers say */
	else
		smp_wmb();	/* likewise */
}

/* Orders stores before loads, too. Each caller says what it pairs with. */
#define dxc_mb()	smp_mb()

/* What the region held before; new is there only if that was old. */
static inline __le64 dxc_cmpxchg(__le64 *p, __le64 old, __le64 new)
{
	return (__force __le64)cmpxchg((u64 *)p, (__force u64)old, (__force u64)new);
}

/* Bytes of the region, in any order. */
#define dxc_store(dst, src, n)	memcpy(dst, src, n)

/* Each caller says what it pairs with. */
#define dxc_load_acquire(p)	smp_load_acquire(p)
/* Likewise. */
#define dxc_store_release(p, v)	smp_store_release(p, v)

#else /* a process */

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <linux/types.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

#define cpu_to_le16(x)	((__le16)htole16(x))
#define cpu_to_le32(x)	((__le32)htole32(x))
#define cpu_to_le64(x)	((__le64)htole64(x))
#define le16_to_cpu(x)	le16toh((uint16_t)(x))
#define le32_to_cpu(x)	le32toh((uint32_t)(x))
#define le64_to_cpu(x)	le64toh((uint64_t)(x))

#ifndef EUCLEAN
#define EUCLEAN 117
#endif
#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value)	(*(volatile __typeof__(x) *)&(x) = (value))
#define barrier()		__asm__ __volatile__("" ::: "memory")
#ifndef __always_inline
#define __always_inline	inline
#endif
#define noinline_for_stack	/* a process has stack enough */
#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define min_t(t, a, b)		((t)(a) < (t)(b) ? (t)(a) : (t)(b))
#define max_t(t, a, b)		((t)(a) > (t)(b) ? (t)(a) : (t)(b))
#define check_add_overflow(a, b, r)	__builtin_add_overflow(a, b, r)
#define check_mul_overflow(a, b, r)	__builtin_mul_overflow(a, b, r)

/* In kmod/core/crc32c.c, which only programs link: the kernel has its own. */
u32 dxc_crc32c(u32 crc, const void *p, size_t n);

#ifdef DXC_TEST_ENV
/* Tests let others act just before it: tests/unit/broken.c. */
__le64 dxc_cmpxchg(__le64 *p, __le64 old, __le64 new);
void dxc_store(void *dst, const void *src, size_t n);
#else
#define dxc_store(dst, src, n)	memcpy(dst, src, n)

static inline __le64 dxc_cmpxchg(__le64 *p, __le64 old, __le64 new)
{
	__atomic_compare_exchange_n(p, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return old;
}
#endif

#define dxc_load_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define dxc_store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)

#ifdef DXC_TEST_ENV
/* Crash tests record what is written back and when: tests/unit/broken.c. */
void dxc_write_back(const void *p, size_t n);
void dxc_write_fence(bool persistent);
#else
/* No line of the cache is shorter. */
#define DXC_LINE_BYTES	64

/* Memory that a device keeps; files are synced as a whole. */
static inline void dxc_write_back(const void *p, size_t n)
{
	uintptr_t line = (uintptr_t)p & ~(uintptr_t)(DXC_LINE_BYTES - 1);
	uintptr_t end = (uintptr_t)p + n;

	for (; line < end; line += DXC_LINE_BYTES) {
#ifdef __SSE2__
		__asm__ __volatile__("clflush (%0)" : : "r"(line) : "memory");
#elif defined(__aarch64__)
		__asm__ __volatile__("dc cvac, %0" : : "r"(line) : "memory");
#endif
	}
}

static inline void dxc_write_fence(bool persistent)
{
	if (!persistent) {
		__atomic_thread_fence(__ATOMIC_RELEASE);
		return;
	}
#if defined(__aarch64__)
	__asm__ __volatile__("dsb sy" : : : "memory");
#else
	__sync_synchronize();
#endif
}
#endif

#define dxc_mb()	__sync_synchronize()

#ifdef DXC_TEST_ENV
/* Tests count fetches, break memory, run out of it and know secrets: tests/unit/broken.c. */
#define DXC_POISONS true
void *dxc_alloc(size_t count, size_t size);
u64 dxc_random(void);
int dxc_copy(void *dst, const void *src, size_t n);
#else
static inline void *dxc_alloc(size_t count, size_t size)
{
	return calloc(count ? count : 1, size);
}

static inline u64 dxc_random(void)
{
	u64 value;

	/* Only an early boot has none, and there is nobody to guess an address. */
	if (getrandom(&value, sizeof(value), 0) != sizeof(value))
		value = (uintptr_t)&value;
	return value;
}

static inline int dxc_copy(void *dst, const void *src, size_t n)
{
	memcpy(dst, src, n);
	return 0;
}
#endif

static inline void dxc_free(void *p)
{
	free(p);
}

static inline void dxc_sort(void *base, size_t n, size_t size,
			    int (*cmp)(const void *, const void *))
{
	if (n)
		qsort(base, n, size, cmp);
}

#ifdef DXC_TEST_ENV
int dxc_pause(void);
#else
static inline int dxc_pause(void)
{
	return 0;
}
#endif

#endif /* __KERNEL__ */

/* What struct dxc_region.poisons is until somebody knows better. */
#ifndef DXC_POISONS
#define DXC_POISONS false
#endif

/*
 * For a large local that is filled in before it is read: kernels that zero
 * every stack frame would spend more on it than on the work.
 */
#if __has_attribute(uninitialized)
#define dxc_uninitialized __attribute__((uninitialized))
#else
#define dxc_uninitialized
#endif

#endif
