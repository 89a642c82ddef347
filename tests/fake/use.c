/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Host use of the model's devices, read from a file at each call, so that a test can change it at
 * any moment: "ADDRESS CLASS DETAIL" a line, CLASS one of host_use_class_to_string(), or "claimed"
 * for a disk that somebody has exclusively without a scan being able to tell.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "model.h"

/* Calls take(f, CLASS, DETAIL) for each line of the device. */
static int for_each_use(struct fake_host *f, const char *address, void *userdata,
	int (*take)(void *userdata, const char *class, const char *detail))
{
	char line[256], where[ADDRESS_MAX], class[32], detail[128];
	FILE *file = f->use_file ? fopen(f->use_file, "re") : NULL;
	int r = 0;

	while (file && r >= 0 && fgets(line, sizeof(line), file)) {
		detail[0] = '\0';
		if (sscanf(line, "%31s %31s %127s", where, class, detail) < 2)
			r = -EINVAL;
		else if (streq(where, address))
			r = take(userdata, class, detail);
	}
	if (file)
		fclose(file);
	return r;
}

static int add_use(void *userdata, const char *class, const char *detail)
{
	int c = host_use_class_from_string(class);

	if (streq(class, "claimed"))
		return 0;
	return c < 0 ? c : host_use_add(userdata, c, "%s", detail);
}

int fake_host_use(struct host *h, const char *address, struct host_use_facts **ret)
{
	FAKE_ENTER(f, h);
	_cleanup_host_use_facts_free_ struct host_use_facts *facts = NULL;
	int r = fake_find(f, address) ? host_use_facts_new(address, &facts) : -ENODEV;

	if (r >= 0)
		r = for_each_use(f, address, facts, add_use);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(facts);
	return 0;
}

static int refuse_claim(void *userdata, const char *class, const char *detail)
{
	static const char *const exclusive[] = { "claimed", "mounted", "swap", "holder" };

	for (size_t i = 0; i < ARRAY_SIZE(exclusive); i++)
		if (streq(class, exclusive[i]))
			return -EBUSY;
	return 0;
}

/* A disk's claim is an fd like any other, so that one that is left shows. */
int fake_block_claim(struct host *h, const char *address, int **ret_fds, size_t *ret_n)
{
	FAKE_ENTER(f, h);
	const struct fake_device *d = fake_find(f, address);
	bool disk = d && d->class_code >> 16 == 0x01;
	int r = d ? for_each_use(f, address, NULL, refuse_claim) : -ENODEV;
	_cleanup_free_ int *fds = NULL;

	if (r < 0)
		return r;
	fds = calloc(1, sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	if (disk) {
		fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (fds[0] < 0)
			return -errno;
	}
	*ret_fds = TAKE_PTR(fds);
	*ret_n = disk;
	return 0;
}
