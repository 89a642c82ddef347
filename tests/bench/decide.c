/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * decide_per_s: whole decisions a second, as Acquire makes them, in processor time of one core.
 * 10,000 devices behind a root port each, a thousand rules of which only the last matches, and
 * every rule has globs that agree with a device in all but a few characters. A tenth of the devices
 * is leased to others. Device and user change with every decision, so that nothing can be remembered from the one before.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "core/decide.h"

#define DEVICES 10000
#define BUSES 250 /* in a domain */
#define RULES 1000
#define USERS 4
#define CLAIMED 10 /* one in so many */

static struct device *make_device(size_t i, bool port)
{
	struct device *d = calloc(1, sizeof(*d));
	unsigned domain = i / BUSES, bus = 1 + i % BUSES;
	bool failed;

	if (!d)
		abort();
	*d = (struct device){.refs = 1, .is_bridge = port, .numa_node = -1};
	d->iommu_group = (int)(2 * i + !port);
	d->vendor = 0x8086;
	d->device = port ? 0x1901 : 0x1521;
	d->class_code = port ? 0x060400 : 0x020000;
	if (port) {
		snprintf(d->address, sizeof(d->address), "%04x:00:%02x.%x", domain, bus / 8,
			bus % 8);
		failed = strdup_to(&d->reset_methods, "") < 0;
	} else {
		char parent[ADDRESS_MAX];

		snprintf(d->address, sizeof(d->address), "%04x:%02x:00.0", domain, bus);
		snprintf(parent, sizeof(parent), "%04x:00:%02x.%x", domain, bus / 8, bus % 8);
		failed = strdup_to(&d->reset_methods, "flr bus") < 0 ||
			strdup_to(&d->parent, parent) < 0 || strdup_to(&d->driver, "igb") < 0;
	}
	if (failed || address_parse(d->address, d->address, &d->pci) != ADDRESS_PCI)
		abort();
	return d;
}

static struct topology *make_topology(void)
{
	const struct host_facts facts = {
		.iommufd = true, .legacy = true, .interrupt_remapping = YES,
	};
	struct device **devices = calloc(2 * DEVICES, sizeof(*devices));
	struct topology *t;

	if (!devices)
		abort();
	for (size_t i = 0; i < DEVICES; i++) {
		devices[2 * i] = make_device(i, true);
		devices[2 * i + 1] = make_device(i, false);
	}
	if (topology_new_consume(&facts, devices, 2 * DEVICES, &t) < 0)
		abort();
	return t;
}

static struct policy *make_policy(void)
{
	static const char *const conditions[] = {
		"Device=00??:%02x:0[1-9].*",
		"Device=*:%02x:1?.?",
		"Device=*:*%02x:*.[1-7]",
		"Id=80?6:15[3-9]*\nDevice=*:%02x:00.*",
		"Id=8086:15*\nCurrentDriver=*ig[!b]*\nDevice=*%02x*",
	};
	_cleanup_text_ struct text t = {0};
	struct policy_errors errors = {0};
	struct policy *p;

	for (unsigned i = 0; i < RULES - 1; i++) {
		const char *format = conditions[i % ARRAY_SIZE(conditions)];
		const char *number = strstr(format, "%02x");

		text_appendf(&t, "[Rule r%u]\nUser=1000 1001 1002 1003\nAccess=deny\n", i);
		text_appendf(&t, "%.*s%02x%s\n", (int)(number - format), format,
			1 + i / 5 % BUSES, number + strlen("%02x"));
	}
	text_append(&t, "[Rule last]\nUser=1000 1001 1002 1003\nId=8086:15*\nDevice=*:00.?\n"
			"Access=allow\n");
	if (t.failed || policy_parse("bench", t.data, t.size, &p, &errors) < 0)
		abort();
	policy_errors_done(&errors);
	return p;
}

static void write_address(size_t n, char ret[ADDRESS_MAX])
{
	snprintf(ret, ADDRESS_MAX, "%04zx:%02zx:00.0", n / BUSES, 1 + n % BUSES);
}

static struct claims make_claims(void)
{
	struct claim *items = calloc(DEVICES / CLAIMED, sizeof(*items));

	for (size_t i = 0; items && i < DEVICES / CLAIMED; i++) {
		char address[ADDRESS_MAX];

		write_address(i * CLAIMED, address);
		items[i] = (struct claim){
			.address = strdup(address), .kind = CLAIM_LEASED, .lease = "l0", .owner = 1};
	}
	return (struct claims){.items = items, .n = DEVICES / CLAIMED};
}

static void decide_one(const struct topology *t, const struct policy *p,
	const struct claims *claims, size_t i)
{
	/* 7919 is coprime to both counts: every device and user comes up. */
	size_t n = i * 7919 % DEVICES, unleased = n + (n % CLAIMED == 0);
	const gid_t gids[] = {100, 1000};
	const struct policy_client client = {
		.uid = 1000 + i % USERS, .gids = gids, .n_gids = ARRAY_SIZE(gids),
		.unit = "spdk.service", .groups_known = true, .unit_known = true,
	};
	char address[ADDRESS_MAX];
	char *devices[] = {address, NULL};
	const struct request request = {.devices = devices};
	struct decision *d;

	write_address(unleased, address);
	if (decide(t, p, claims, NULL, &client, client.uid, &request, &d) < 0 ||
		d->verdict != VERDICT_ALLOW ||
		!streq(d->devices[0].rule->name, "last")) {
		fprintf(stderr, "decide: %s was not decided by the last rule\n", address);
		exit(EXIT_FAILURE);
	}
	decision_free(d);
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	enum { ROUNDS = 21 };
	size_t decisions = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
	struct topology *t = make_topology();
	struct policy *p = make_policy();
	struct claims claims = make_claims();
	double rates[ROUNDS];

	if (decisions == 0) {
		fprintf(stderr, "usage: bench-decide [DECISIONS-A-ROUND]\n");
		return 2;
	}
	for (int round = 0; round < ROUNDS; round++) {
		double begin = cpu_seconds();

		for (size_t i = 0; i < decisions; i++)
			decide_one(t, p, &claims, round * decisions + i);
		rates[round] = (double)decisions / (cpu_seconds() - begin);
	}
	qsort(rates, ROUNDS, sizeof(*rates), compare);
	printf("decide_per_s: %.0f decisions/s\n", rates[ROUNDS / 2]);
	for (size_t i = 0; i < claims.n; i++)
		free((char *)claims.items[i].address);
	free((struct claim *)claims.items);
	policy_free(p);
	topology_unref(t);
	return 0;
}
