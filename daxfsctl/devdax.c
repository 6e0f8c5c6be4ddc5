// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asks sysfs about DAX character devices, and changes their drivers through it.
 */
#include "devdax.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME_LEN 64

/* The last name of what the symlink WHAT of the device leads to; "" when there is none. */
static void link_name(dev_t dev, const char *what, char name[NAME_LEN])
{
	char link[64], target[PATH_MAX];
	const char *last;
	ssize_t n;

	snprintf(link, sizeof(link), "/sys/dev/char/%u:%u%s%s", major(dev), minor(dev),
		 *what ? "/" : "", what);
	name[0] = '\0';
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0)
		return;
	target[n] = '\0';
	last = strrchr(target, '/');
	snprintf(name, NAME_LEN, "%.*s", NAME_LEN - 1, last ? last + 1 : target);
}

bool devdax_is(dev_t dev)
{
	char name[NAME_LEN];

	link_name(dev, "subsystem", name);
	return strcmp(name, "dax") == 0;
}

static int read_number(dev_t dev, const char *attribute, uint64_t *size)
{
	unsigned long long value;
	char path[64];
	FILE *file;
	int fields;

	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/%s", major(dev), minor(dev),
		 attribute);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	fields = fscanf(file, "%llu", &value);
	fclose(file);
	if (fields != 1)
		return -EIO;
	*size = value;
	return 0;
}

int devdax_size(dev_t dev, uint64_t *size)
{
	return read_number(dev, "size", size);
}

uint64_t devdax_align(dev_t dev)
{
	uint64_t align;

	return read_number(dev, "align", &align) ? 0 : align;
}

bool devdax_has_driver(dev_t dev, const char *driver)
{
	char name[NAME_LEN];

	link_name(dev, "driver", name);
	return strcmp(name, driver) == 0;
}

/* ---- who uses it ---- */

/* Has the process the device open, or mapped under that path? */
static bool process_has(const char *pid, dev_t dev, const char *path)
{
	size_t path_len = strlen(path), line_size = 0;
	char name[NAME_LEN + 16], *line = NULL;
	struct dirent *entry;
	bool found = false;
	struct stat st;
	FILE *maps;
	DIR *dir;

	snprintf(name, sizeof(name), "/proc/%.20s/fd", pid);
	dir = opendir(name);
	while (dir && !found && (entry = readdir(dir)))
		found = fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 &&
			S_ISCHR(st.st_mode) && st.st_rdev == dev;
	if (dir)
		closedir(dir);
	snprintf(name, sizeof(name), "/proc/%.20s/maps", pid);
	maps = found ? NULL : fopen(name, "re");
	while (maps && !found && getline(&line, &line_size, maps) > 0) {
		char *end = strchr(line, '\n');

		if (end)
			*end = '\0';
		found = strlen(line) > path_len &&
			strcmp(line + strlen(line) - path_len, path) == 0 &&
			line[strlen(line) - path_len - 1] == ' ';
	}
	free(line);
	if (maps)
		fclose(maps);
	return found;
}

static bool has_user(dev_t dev, const char *path)
{
	DIR *dir = opendir("/proc");
	char *real = realpath(path, NULL);
	struct dirent *entry;
	bool found = !dir || !real;

	while (!found && (entry = readdir(dir)))
		found = isdigit((unsigned char)entry->d_name[0]) &&
			process_has(entry->d_name, dev, real);
	free(real);
	if (dir)
		closedir(dir);
	return found;
}

/*
 * Mounts of other namespaces are not seen, but by the module's count of users: the
 * file system has the device open.
 */
static bool may_be_mounted(void)
{
	FILE *file = fopen("/sys/module/" DEVDAX_FOR_MOUNTS "/refcnt", "re");
	long count = 0;
	bool used;

	if (!file)
		return true;
	used = fscanf(file, "%ld", &count) != 1 || count != 0;
	fclose(file);
	return used;
}

/* ---- changing it ---- */

static int tell(const char *driver, const char *what, const char *text)
{
	char path[128];
	int fd, err = 0;

	snprintf(path, sizeof(path), "/sys/bus/dax/drivers/%.32s/%s", driver, what);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* The driver that nothing loads by itself. */
static void load_driver(const char *driver)
{
	char *argv[] = { (char *)"modprobe", (char *)"-q", (char *)driver, NULL };
	char *envp[] = { (char *)"PATH=/usr/sbin:/sbin:/usr/bin:/bin", NULL };
	int status;
	pid_t pid;

	if (posix_spawn(&pid, "/sbin/modprobe", NULL, NULL, argv, envp) == 0)
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
}

static bool is_there(const char *driver)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/dax/drivers/%.32s", driver);
	return access(path, F_OK) == 0;
}

/* A device that has no driver now. */
static int give(dev_t dev, const char *name, const char *driver)
{
	int err = tell(driver, "bind", name);

	/* One that does not take every device takes those it has been told of. */
	if (!devdax_has_driver(dev, driver))
		err = tell(driver, "new_id", name);
	if (devdax_has_driver(dev, driver))
		return 0;
	return err ? err : -EIO;
}

int devdax_bind(dev_t dev, const char *path, const char *driver)
{
	char now[NAME_LEN], name[NAME_LEN];
	int err;

	link_name(dev, "driver", now);
	if (strcmp(now, driver) == 0)
		return 0;
	/* Not memory that the kernel has taken for its own. */
	if (*now && strcmp(now, DEVDAX_FOR_PROGRAMS) != 0 &&
	    strcmp(now, DEVDAX_FOR_MOUNTS) != 0)
		return -EBUSY;
	if (!is_there(driver))
		load_driver(driver);
	if (!is_there(driver))
		return -ENODEV;
	if (strcmp(now, DEVDAX_FOR_MOUNTS) == 0 ? may_be_mounted() : has_user(dev, path))
		return -EBUSY;
	link_name(dev, "", name);
	err = *now ? tell(now, "unbind", name) : 0;
	if (err)
		return err;
	if (*now)
		tell(now, "remove_id", name);
	err = give(dev, name, driver);
	if (err && *now)
		give(dev, name, now);
	return err;
}
