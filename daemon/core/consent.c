/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The details of org.devlease1.acquire. Their names are part of the contract: an administrator's
 * rules look at them with action.lookup(). Names of vendor and model come from a database that
 * changes, so the id is there too; where the database knows nothing, it stands for the names.
 */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "core/consent.h"
#include "core/context.h"

static int add(struct consent_device *c, const char *key, const char *value)
{
	int r = strv_append(&c->details, key);

	return r < 0 ? r : strv_append(&c->details, value);
}

static int add_allocated(struct consent_device *c, const char *key, char *value)
{
	int r = value ? add(c, key, value) : -ENOMEM;

	free(value);
	return r;
}

static int add_name(struct consent_device *c, const char *key, const char *name, unsigned id)
{
	return *name ? add(c, key, name) : add_allocated(c, key, format_text("%04x", id));
}

static int add_details(struct consent_device *c, const struct decision *d,
	const struct decided_device *dd, const struct consent_context *x)
{
	const struct device *dev = dd->device;
	const char *vendor, *model;
	int r = add(c, "device", dev->address);

	x->names(x->userdata, dev, &vendor, &model);
	if (r >= 0)
		r = add_name(c, "vendor", vendor, dev->vendor);
	if (r >= 0)
		r = add_name(c, "model", model, dev->device);
	if (r >= 0)
		r = add_allocated(c, "id", format_text("%04x:%04x", dev->vendor, dev->device));
	if (r >= 0)
		r = add_allocated(c, "class", format_text("%06x", dev->class_code));
	if (r >= 0)
		r = add_allocated(c, "group", format_text("%d", dev->iommu_group));
	if (r >= 0)
		r = add(c, "handover", handover_to_string(d->handover));
	if (r >= 0)
		r = add(c, "rule", dd->rule->name);
	if (r >= 0 && x->for_other)
		r = add_allocated(c, "for-uid", format_text("%u", (unsigned)x->uid));
	return r;
}

static int fill(struct consent *c, const struct decision *d, const struct consent_context *x)
{
	int r = strdup_to(&c->policy_sha256, x->policy_sha256);

	c->devices = calloc(d->n_devices + 1, sizeof(*c->devices));
	if (!c->devices)
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && i < d->n_devices; i++) {
		const struct decided_device *dd = &d->devices[i];
		struct consent_device *to = &c->devices[c->n];

		if (dd->access != VERDICT_ASK)
			continue;
		c->n++;
		strcpy(to->address, dd->device->address);
		to->rule_line = dd->rule->line;
		r = strdup_to(&to->rule_file, dd->rule->file);
		if (r >= 0)
			r = add_details(to, d, dd, x);
	}
	return r;
}

int consent_new(const struct decision *d, const struct consent_context *x, struct consent **ret)
{
	_cleanup_consent_free_ struct consent *c = calloc(1, sizeof(*c));
	int r = c ? fill(c, d, x) : -ENOMEM;

	if (r >= 0)
		*ret = TAKE_PTR(c);
	return r;
}

void consent_free(struct consent *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++) {
		strv_free(c->devices[i].details);
		free(c->devices[i].rule_file);
	}
	free(c->devices);
	free(c->policy_sha256);
	free(c);
}

static bool same(const struct consent_device *a, const struct consent_device *b)
{
	char **x = a->details, **y = b->details;

	if (!streq(a->address, b->address) || !streq(a->rule_file, b->rule_file) ||
		a->rule_line != b->rule_line)
		return false;
	for (; *x && *y; x++, y++)
		if (!streq(*x, *y))
			return false;
	return !*x && !*y;
}

const char *consent_changed(const struct consent *asked, const struct consent *now)
{
	if (!streq(asked->policy_sha256, now->policy_sha256) || asked->n != now->n)
		return asked->devices[0].address;
	for (size_t i = 0; i < asked->n; i++)
		if (!same(&asked->devices[i], &now->devices[i]))
			return asked->devices[i].address;
	return NULL;
}
