/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The edu device of QEMU (docs/specs/edu.rst there): DMA between memory and an internal buffer of
 * 4 KiB. A DMA takes about 100 ms. Transfers stay below the buffer's end, which older versions
 * of QEMU take for an overrun.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "client.h"

#define EDU_SOURCE 0x80
#define EDU_TARGET 0x88
#define EDU_COUNT 0x90
#define EDU_COMMAND 0x98
#define EDU_START 1
#define EDU_TO_MEMORY 2
#define EDU_BUFFER 0x40000
#define CHUNK ((size_t)2048)

static void write64(struct client *c, uint32_t offset, uint64_t value)
{
	*(volatile uint64_t *)(c->bar + offset) = value;
}

static int wait_idle(struct client *c)
{
	const struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};

	for (int i = 0; i < 2000; i++) {
		if (!(*(volatile uint32_t *)(c->bar + EDU_COMMAND) & EDU_START))
			return 0;
		nanosleep(&pause, NULL);
	}
	return failed("DMA does not end", ETIMEDOUT);
}

static int transfer(struct client *c, uint64_t source, uint64_t target, size_t size, int direction)
{
	write64(c, EDU_SOURCE, source);
	write64(c, EDU_TARGET, target);
	write64(c, EDU_COUNT, size);
	write64(c, EDU_COMMAND, EDU_START | direction);
	return wait_idle(c);
}

int edu_copy(struct client *c, size_t size)
{
	for (size_t done = 0; done < size; done += CHUNK) {
		size_t n = size - done < CHUNK ? size - done : CHUNK;
		int r = transfer(c, BUFFER_IOVA + done, EDU_BUFFER, n, 0);

		if (r == 0)
			r = transfer(c, EDU_BUFFER, BUFFER_IOVA + PATTERN_MAX + done, n,
				EDU_TO_MEMORY);
		if (r < 0)
			return r;
	}
	return 0;
}

int edu_write_to(struct client *c, uint64_t iova)
{
	return transfer(c, EDU_BUFFER, iova, 64, EDU_TO_MEMORY);
}

static int enable(struct client *c)
{
	struct vfio_region_info config = {
		.argsz = sizeof(config),
		.index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	uint16_t command;

	if (ioctl(c->device, VFIO_DEVICE_GET_REGION_INFO, &config) < 0)
		return failed("information about the config space", errno);
	if (pread(c->device, &command, 2, config.offset + PCI_COMMAND) != 2)
		return failed("reading the command register", errno);
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	if (pwrite(c->device, &command, 2, config.offset + PCI_COMMAND) != 2)
		return failed("writing the command register", errno);
	return 0;
}

int edu_open(struct client *c)
{
	struct vfio_region_info region = {
		.argsz = sizeof(region),
		.index = VFIO_PCI_BAR0_REGION_INDEX,
	};
	void *bar;
	int r = enable(c);

	if (r < 0)
		return r;
	if (ioctl(c->device, VFIO_DEVICE_GET_REGION_INFO, &region) < 0)
		return failed("information about BAR 0", errno);
	bar = mmap(NULL, region.size, PROT_READ | PROT_WRITE, MAP_SHARED, c->device, region.offset);
	if (bar == MAP_FAILED)
		return failed("mapping BAR 0", errno);
	c->bar = bar;
	return 0;
}
