// SPDX-License-Identifier: GPL-2.0-only
/* Loads libarchive. */
#include "libarchive.h"

#include <dlfcn.h>

/* The file that holds the interface of the header this is compiled with. */
#define SONAME	"libarchive.so.13"
_Static_assert(ARCHIVE_VERSION_NUMBER / 1000000 == 3,
	       "another libarchive has another soname");

struct libarchive la;

const char *libarchive_load(void)
{
	static void *handle;

	if (handle)
		return NULL;
	handle = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return dlerror();
#define FIND(name)                                         \
	do {                                               \
		*(void **)&la.name = dlsym(handle, #name); \
		if (!la.name) {                            \
			dlclose(handle);                   \
			handle = NULL;                     \
			return SONAME " has no " #name;    \
		}                                          \
	} while (0);
	LIBARCHIVE_FUNCTIONS(FIND)
#undef FIND
	return NULL;
}
