/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drivers of /dev/daxX.Y. device_dax lets programs map the memory; fsdev_dax,
 * since Linux 7.1, lets a file system use it. A device has one at a time.
 */
#ifndef DAXFSCTL_DEVDAX_H
#define DAXFSCTL_DEVDAX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define DEVDAX_FOR_PROGRAMS	"device_dax"
#define DEVDAX_FOR_MOUNTS	"fsdev_dax"

/* Is this character device a device DAX one? */
bool devdax_is(dev_t dev);
/* In bytes, as sysfs has it. 0 or -errno. */
int devdax_size(dev_t dev, uint64_t *size);
/* What sizes of mappings are multiples of; 0 when sysfs does not say. */
uint64_t devdax_align(dev_t dev);
bool devdax_has_driver(dev_t dev, const char *driver);
/*
 * Gives the device, which path names, that driver, if it has another one of the
 * two and nobody uses it. 0 or -errno: -EBUSY when it is used or may be, -ENODEV
 * when the kernel does not have the driver. Then the device has the one it had.
 */
int devdax_bind(dev_t dev, const char *path, const char *driver);

#endif
