/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The example policies that are shipped: nothing is wrong with them, and on a machine as they speak
 * of they decide what their comments say.
 */
#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "machine.h"

#define EXAMPLES SOURCE_ROOT "/policy/examples/"

#define VFS_IN_USE " sriov.vf-in-use sriov.vf-in-use sriov.vf-in-use sriov.vf-in-use"

enum { DAEMON = 1, SOMEBODY = 1000 };
static const gid_t users[] = {SOMEBODY, 100};

/* Each behind a bridge of its own, unless it has the slot of the one before. */
static const struct row {
	const char *address;
	int group;
	uint16_t vendor, device;
	uint32_t class_code;
	const char *driver, *pf;
	int numa_node;
} rows[] = {
	{"0000:02:00.0", 2, 0x8086, 0x1533, 0x020000, "igb", NULL, 0},
	{"0000:03:00.0", 3, 0x8086, 0x10d3, 0x020000, "e1000e", NULL, 0},
	{"0000:41:00.0", 41, 0x10de, 0x2684, 0x030000, "nouveau", NULL, 0},
	{"0000:41:00.1", 41, 0x10de, 0x22ba, 0x040300, "snd_hda_intel", NULL, 0},
	{"0000:61:00.0", 61, 0x10de, 0x2684, 0x030000, "nouveau", NULL, 0},
	{"0000:81:00.0", 81, 0x8086, 0x1592, 0x020000, "ice", NULL, 1},
	{"0000:81:01.0", 82, 0x8086, 0x1889, 0x020000, "iavf", "0000:81:00.0", 1},
	{"0000:81:01.1", 83, 0x8086, 0x1889, 0x020000, "iavf", "0000:81:00.0", 1},
	{"0000:81:01.2", 84, 0x8086, 0x1889, 0x020000, "iavf", "0000:81:00.0", 1},
	{"0000:81:01.3", 84, 0x8086, 0x1889, 0x020000, "iavf", "0000:81:00.0", 1},
	{"0000:c1:00.0", 90, 0x144d, 0xa80a, 0x010802, "nvme", NULL, 0},
	{"0000:c2:00.0", 91, 0x144d, 0xa80a, 0x010802, "nvme", NULL, 0},
	{"0000:c3:00.0", 92, 0x144d, 0xa80a, 0x010802, "nvme", NULL, 1},
};

static const struct {
	const char *file;
	uid_t uid;
	const char *unit;
	const char *devices;
	const char *rule;     /* of the first device; NULL: [Defaults] */
	const char *refusals; /* as in struct scenario; NULL: granted */
	enum handover handover;
	bool in_use;          /* by the host, the first device */
} cases[] = {
	{"50-gpu.conf", DAEMON, NULL, "0000:41:00.0 0000:41:00.1", "gpu", NULL, HANDOVER_OPENED},
	{"50-gpu.conf", DAEMON, NULL, "0000:41:00.0", "gpu",
		"isolation.group-in-use reset-set.shared"},
	{"50-gpu.conf", DAEMON, NULL, "0000:41:00.0 0000:41:00.1", "gpu", "host-use.open",
		.in_use = true},
	{"50-gpu.conf", DAEMON, NULL, "0000:61:00.0", NULL, "access.default"},
	{"50-gpu.conf", SOMEBODY, NULL, "0000:41:00.0 0000:41:00.1", NULL,
		"access.default access.default"},

	{"50-spdk.conf", DAEMON, "spdk.service", "0000:c2:00.0", "spdk", NULL, HANDOVER_ATTACHED},
	{"50-spdk.conf", DAEMON, "spdk@2.service", "0000:c2:00.0", "spdk", NULL,
		HANDOVER_ATTACHED},
	{"50-spdk.conf", DAEMON, "cron.service", "0000:c2:00.0", NULL, "access.default"},
	{"50-spdk.conf", DAEMON, NULL, "0000:c2:00.0", NULL, "access.default"},
	{"50-spdk.conf", SOMEBODY, "spdk.service", "0000:c2:00.0", NULL, "access.default"},
	{"50-spdk.conf", DAEMON, "spdk.service", "0000:c3:00.0", NULL, "access.default"},
	{"50-spdk.conf", DAEMON, "spdk.service", "0000:c1:00.0", "system-drive", "access.denied"},
	{"50-spdk.conf", 0, NULL, "0000:c1:00.0", "system-drive", "access.denied"},

	{"50-dpdk.conf", SOMEBODY, NULL, "0000:81:01.0 0000:81:01.1", "virtual-functions", NULL,
		HANDOVER_ATTACHED},
	{"50-dpdk.conf", SOMEBODY, NULL, "0000:81:01.2", "virtual-functions",
		"isolation.strict-shared"},
	{"50-dpdk.conf", SOMEBODY, NULL, "0000:81:00.0", "physical-function",
		"access.denied" VFS_IN_USE},
	{"50-dpdk.conf", 0, NULL, "0000:81:00.0", "physical-function",
		"access.denied" VFS_IN_USE},
	{"50-dpdk.conf", SOMEBODY, NULL, "0000:03:00.0", NULL, "access.default"},
	{"50-dpdk.conf", DAEMON, NULL, "0000:81:01.0", NULL, "access.default"},

	{"50-vm-host.conf", SOMEBODY, NULL, "0000:03:00.0", "guests", NULL, HANDOVER_OPENED},
	{"50-vm-host.conf", SOMEBODY, NULL, "0000:41:00.0 0000:41:00.1", "guests", NULL,
		HANDOVER_OPENED},
	{"50-vm-host.conf", SOMEBODY, NULL, "0000:02:00.0", "host-network", "access.denied"},
	{"50-vm-host.conf", 0, NULL, "0000:c2:00.0", "host-storage", "access.denied"},
	{"50-vm-host.conf", DAEMON, NULL, "0000:03:00.0", NULL, "access.default"},

	{"50-lab.conf", SOMEBODY, NULL, "0000:03:00.0", "network-cards", NULL, HANDOVER_ATTACHED},
	{"50-lab.conf", SOMEBODY, NULL, "0000:81:01.0", "virtual-functions", NULL,
		HANDOVER_OPENED},
	{"50-lab.conf", 0, NULL, "0000:c2:00.0", "keep-disks", "access.denied"},
	{"50-lab.conf", SOMEBODY, NULL, "0000:02:00.0", NULL, "access.default"},
};

static struct device *make(const struct row *row, const char *bridge)
{
	struct device *d = machine_device(row->address, bridge, row->group, "flr bus", row->driver,
		row->pf);

	d->vendor = row->vendor;
	d->device = row->device;
	d->class_code = row->class_code;
	d->numa_node = row->numa_node;
	return d;
}

static struct topology *make_machine(void)
{
	const struct host_facts facts = {.iommufd = true, .legacy = true,
		.interrupt_remapping = YES};
	struct device **devices = calloc(2 * ARRAY_SIZE(rows), sizeof(*devices)), *pf = NULL;
	struct topology *t = NULL;
	char bridge[ADDRESS_MAX] = "";
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (i == 0 || strncmp(rows[i].address, rows[i - 1].address, strlen("0000:81")) != 0) {
			snprintf(bridge, sizeof(bridge), "0000:00:%02zx.0", i + 1);
			devices[n] = machine_device(bridge, NULL, 100 + i, NULL, "pcieport", NULL);
			devices[n++]->is_bridge = true;
		}
		devices[n] = make(&rows[i], bridge);
		if (streq(rows[i].address, "0000:81:00.0"))
			pf = devices[n];
		else if (rows[i].pf)
			cr_assert_eq(strv_append(&pf->virtual_functions, rows[i].address), 0);
		n++;
	}
	cr_assert_eq(topology_new_consume(&facts, devices, n, &t), 0);
	return t;
}

/* With the defaults, as they are read together. */
static struct policy *load(const char *path)
{
	char *files[] = {(char *)SOURCE_ROOT "/policy/00-defaults.conf", (char *)path, NULL};
	struct policy_errors errors = {0};
	_cleanup_free_ char *told = NULL;
	struct policy *p = NULL;
	int r = policy_load_files(files, &p, &errors);

	told = policy_errors_to_text(&errors);
	policy_errors_done(&errors);
	cr_assert(r == 0 && streq(told, ""), "%s", told);
	return p;
}

/* Facts that an earlier survey of the host would have brought. */
static struct host_use_facts *survey(const char *address, bool in_use)
{
	struct host_use_facts *f;

	cr_assert_eq(host_use_facts_new(address, &f), 0);
	if (in_use)
		cr_assert_eq(host_use_add(f, HOST_USE_OPEN, "dri/card0"), 0);
	return f;
}

static char *refusals(const struct decision *d)
{
	struct text t = {0};

	text_append(&t, "");
	for (size_t i = 0; i < d->findings.n; i++)
		if (d->findings.items[i].severity == SEVERITY_REFUSE)
			text_appendf(&t, "%s%s", t.size ? " " : "", d->findings.items[i].code);
	return text_steal(&t);
}

Test(examples, decide_as_they_say)
{
	_cleanup_topology_unref_ struct topology *t = make_machine();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct policy_client client = {cases[i].uid, users,
			cases[i].uid == SOMEBODY ? ARRAY_SIZE(users) : 0, cases[i].unit, true, true};
		_cleanup_free_ char *path = NULL, *got = NULL;
		_cleanup_strv_free_ char **devices = NULL;
		_cleanup_decision_free_ struct decision *d = NULL;
		_cleanup_policy_free_ struct policy *p = NULL;
		struct host_use_facts *facts[2];
		struct host_uses uses = {facts, 0};
		struct request request = {0};

		cr_assert(asprintf(&path, EXAMPLES "%s", cases[i].file) > 0);
		p = load(path);
		cr_assert_eq(strv_split(&devices, cases[i].devices), 0);
		request.devices = devices;
		for (; devices[uses.n]; uses.n++)
			facts[uses.n] = survey(devices[uses.n], cases[i].in_use && uses.n == 0);
		cr_assert_eq(decide(t, p, NULL, &uses, &client, client.uid, &request, &d), 0);
		for (size_t n = 0; n < uses.n; n++)
			host_use_facts_free(facts[n]);
		got = refusals(d);
		cr_expect(streq(got, cases[i].refusals ? cases[i].refusals : ""),
			"%s, uid %u, %s: %s", cases[i].file, (unsigned)cases[i].uid,
			cases[i].devices, got);
		cr_expect_str_eq(d->devices[0].rule->name, cases[i].rule ? cases[i].rule : "");
		if (!cases[i].refusals)
			cr_expect_eq(d->handover, cases[i].handover, "%s", cases[i].devices);
	}
}

Test(examples, none_is_left_out)
{
	glob_t found;

	cr_assert_eq(glob(EXAMPLES "*", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		bool granted = false;

		policy_free(load(found.gl_pathv[i])); /* without a problem */
		for (size_t c = 0; c < ARRAY_SIZE(cases); c++)
			granted |= !cases[c].refusals &&
				streq(found.gl_pathv[i] + strlen(EXAMPLES), cases[c].file);
		cr_expect(granted, "%s grants nothing here", found.gl_pathv[i]);
	}
	globfree(&found);
}
