/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The words for terms, the same in policy files, on the bus and in the journal. */
#include <errno.h>

#include "base/text.h"
#include "policy/policy.h"

static const char *const handover_names[HANDOVER_N] = {"attached", "opened", "guarded", "node"};
static const char *const backend_names[] = {
	[BACKEND_ANY] = "any",
	[BACKEND_IOMMUFD] = "iommufd",
	[BACKEND_LEGACY] = "legacy",
};
static const char *const isolation_names[] = {
	[ISOLATION_GROUP] = "group",
	[ISOLATION_STRICT] = "strict",
};
static const char *const when_free_names[] = {
	[WHEN_FREE_DRIVER] = "driver",
	[WHEN_FREE_VFIO] = "vfio",
};
static const char *const reset_set_names[] = {
	[RESET_SET_TOLERATE] = "tolerate",
	[RESET_SET_EXCLUSIVE] = "exclusive",
	[RESET_SET_FUNCTION] = "function",
	[RESET_SET_EXCLUSIVE | RESET_SET_FUNCTION] = "both",
};

static const char *name_at(const char *const *names, size_t n, size_t i)
{
	return i < n ? names[i] : NULL;
}

static int find_name(const char *const *names, size_t n, const char *s)
{
	for (size_t i = 0; s && i < n; i++)
		if (streq(names[i], s))
			return i;
	return -EINVAL;
}

const char *handover_to_string(enum handover h)
{
	for (size_t i = 0; i < HANDOVER_N; i++)
		if ((unsigned)h == 1U << i)
			return handover_names[i];
	return NULL;
}

int handover_from_string(const char *s)
{
	int i = find_name(handover_names, HANDOVER_N, s);

	return i < 0 ? i : 1 << i;
}

const char *backend_to_string(enum backend b)
{
	return name_at(backend_names, ARRAY_SIZE(backend_names), b);
}

int backend_from_string(const char *s)
{
	return find_name(backend_names, ARRAY_SIZE(backend_names), s);
}

const char *isolation_to_string(enum isolation i)
{
	return name_at(isolation_names, ARRAY_SIZE(isolation_names), i);
}

int isolation_from_string(const char *s)
{
	return find_name(isolation_names, ARRAY_SIZE(isolation_names), s);
}

const char *when_free_to_string(enum when_free w)
{
	return name_at(when_free_names, ARRAY_SIZE(when_free_names), w);
}

int when_free_from_string(const char *s)
{
	return find_name(when_free_names, ARRAY_SIZE(when_free_names), s);
}

const char *reset_set_to_string(unsigned r)
{
	return name_at(reset_set_names, ARRAY_SIZE(reset_set_names), r);
}

int reset_set_from_string(const char *s)
{
	return find_name(reset_set_names, ARRAY_SIZE(reset_set_names), s);
}
