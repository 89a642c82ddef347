/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Marks on devices that no lease holds: quarantined, or never reset since somebody had them. Each
 * change is on disk before it counts, since it must outlast a reboot.
 */
#include <errno.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "base/array.h"
#include "base/text.h"
#include "manager.h"

static int save(struct manager *m)
{
	json_t *all = json_object();
	int r;

	for (size_t i = 0; all && i < m->n_marks; i++) {
		const struct mark *mark = &m->marks[i];

		json_object_set_new(all, mark->address, json_pack("{s:b, s:I, s:s}", "quarantined",
			(int)mark->quarantined, "uid", (json_int_t)mark->uid, "reason",
			mark->reason ? mark->reason : ""));
	}
	r = all ? store_save_devices(&m->store, all) : -ENOMEM;
	json_decref(all);
	if (r < 0)
		sd_journal_print(LOG_ERR, "The marks on devices could not be saved: %s",
			errno_name(-r));
	return r;
}

static int add(struct manager *m, const char *address, bool quarantined, uid_t uid,
	const char *reason)
{
	struct mark *mark;

	if (!array_reserve(m->marks, m->n_marks))
		return -ENOMEM;
	mark = &m->marks[m->n_marks];
	*mark = (struct mark){.quarantined = quarantined, .uid = uid};
	strcpy(mark->address, address);
	if (strdup_to(&mark->reason, reason) < 0)
		return -ENOMEM;
	m->n_marks++;
	return 0;
}

int marks_load(struct manager *m)
{
	json_t *all = NULL, *value;
	const char *key;
	int r = store_load_devices(&m->store, &all);

	if (r < 0)
		return r;
	json_object_foreach(all, key, value) {
		char address[ADDRESS_MAX];
		json_t *reason = json_object_get(value, "reason");

		if (address_parse(key, address, NULL) < 0)
			continue;
		r = add(m, address, json_is_true(json_object_get(value, "quarantined")),
			json_integer_value(json_object_get(value, "uid")),
			json_is_string(reason) ? json_string_value(reason) : "");
		if (r < 0)
			break;
	}
	json_decref(all);
	return r < 0 ? r : 0;
}

const struct mark *marks_find(const struct manager *m, const char *address)
{
	for (size_t i = 0; i < m->n_marks; i++)
		if (streq(m->marks[i].address, address))
			return &m->marks[i];
	return NULL;
}

static bool drop(struct manager *m, const char *address)
{
	struct mark *mark = (struct mark *)marks_find(m, address);

	if (!mark)
		return false;
	free(mark->reason);
	*mark = m->marks[--m->n_marks];
	return true;
}

void marks_set(struct manager *m, const char *address, bool quarantined, uid_t uid,
	const char *reason)
{
	drop(m, address);
	if (add(m, address, quarantined, uid, reason) < 0)
		sd_journal_print(LOG_CRIT, "%s: out of memory while marking it: %s", address,
			reason);
	(void)save(m);
	inventory_device_changed(m, address);
}

bool marks_clear(struct manager *m, const char *address)
{
	if (!drop(m, address))
		return false;
	(void)save(m);
	inventory_device_changed(m, address);
	return true;
}
