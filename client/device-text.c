/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of devices for people. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "device-text.h"
#include "json.h"
#include "terminal.h"

/* Words of company names that tell nobody anything. */
static bool is_noise(const char *word)
{
	static const char *const noise[] = {"Corporation", "Corp.", "Corp", "Inc.", "Inc", "Ltd.",
		"Ltd", "Co.", "Co.,", "Limited", "Company", "Semiconductor", "Technologies",
		"Technology", "LLC", "GmbH", "AG", NULL};

	return strv_contains((char *const *)noise, word);
}

static int append_vendor(struct text *t, const char *vendor)
{
	_cleanup_strv_free_ char **words = NULL;
	int r = strv_split(&words, vendor);

	if (r < 0)
		return r;
	for (char **word = words; *word; word++) {
		size_t n = strlen(*word);
		bool last = n > 0 && (*word)[n - 1] == ',';

		if (word > words && is_noise(*word))
			continue;
		if (last)
			(*word)[n - 1] = '\0';
		text_appendf(t, "%s ", *word);
	}
	return 0;
}

char *device_name(const json_t *device)
{
	_cleanup_text_ struct text t = {0};
	const char *vendor = json_text(device, "VendorName");
	const char *model = json_text(device, "ModelName");

	if (append_vendor(&t, vendor) < 0)
		return NULL;
	if (*model)
		text_append(&t, model);
	else
		text_appendf(&t, "%04x:%04x", (unsigned)json_number(device, "VendorId", 0),
			(unsigned)json_number(device, "DeviceId", 0));
	return text_steal(&t);
}

char *device_addresses(const json_t *devices)
{
	size_t n = json_array_size(devices), i, shown = terminal_width() > 0 && n > 1 ? 1 : n;
	_cleanup_text_ struct text t = {0};

	text_append(&t, "");
	for (i = 0; i < shown; i++) {
		const json_t *device = json_array_get(devices, i);

		text_appendf(&t, "%s%s", i > 0 ? " " : "",
			json_is_string(device) ? json_string_value(device) :
						 json_text(device, "address"));
	}
	if (shown < n)
		text_appendf(&t, " +%zu", n - shown);
	return text_steal(&t);
}

const char *device_group(const json_t *device, char buffer[static 16])
{
	json_int_t group = json_number(device, "IommuGroup", -1);

	buffer[0] = '\0';
	if (group >= 0)
		snprintf(buffer, 16, "%d", (int)group);
	return buffer;
}
