/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Random policies, devices and clients: what the rules were compiled to decides as a plain loop
 * over the words of the rules does, in which fnmatch() is all there is to globs.
 */
#include <fnmatch.h>
#include <stdio.h>

#include "parse.h"
#include "policy/glob-match.h"
#include "policy/pattern.h"

#define RULES_MAX 12
#define WORDS_MAX 3

static uint64_t state;

static unsigned below(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 32) % n;
}

enum key { USER, GROUP, ID, CLASS, NUMA_NODE, DEVICE, PF, DRIVER, UNIT, KEYS };

static const char *const names[KEYS] = {
	"User", "Group", "Id", "Class", "NumaNode", "Device", "PhysicalFunction", "CurrentDriver",
	"Unit",
};

static const char *const words[KEYS][10] = {
	{"1000", "1001", "1002", "1000"},
	{"100", "101", "102"},
	{"8086:1521", "8086:*", "*:1521", "*:*", "80?6:15*", "8086:15[0-2]?", "1[!0-9]36:*",
		"*6:*", "1b36:0010", "*[0-3]:001?"},
	{"02", "0200", "020000", "0108", "01*", "0?08*", "*00", "0[12]*", "010802"},
	{"0", "1", "-1"},
	{"0000:01:00.0", "0000:01:00.1", "0000:0[12]:*", "*:01:*", "0000:02:00.?", "mdev:*",
		"*.[!0]", "*0*1*0*", "mdev:a-1", "*"},
	{"0000:01:00.0", "0000:02:00.0", "0000:0?:00.0", "*:02:*", "*"},
	{"igb", "nvme", "*", "i*b", "?vm[a-e]", "vfio-*", "*pci*"},
	{"spdk@1.service", "spdk@*.service", "*.service", "*@[0-9].*", "vm-[[:digit:]].scope",
		"*.scope", "????@1*"},
};

struct rule {
	bool deny;
	const char *words[KEYS][WORDS_MAX];
};

static const char *const addresses[] = {
	"0000:01:00.0", "0000:01:00.1", "0000:02:00.0", "0000:02:00.7", "0001:01:1f.0", "mdev:a-1"};
static const char *const functions[] = {NULL, "0000:01:00.0", "0000:02:00.0"};
static const char *const drivers[] = {NULL, "igb", "nvme", "vfio-pci", "i", "igbvf"};
static const char *const units[] = {
	NULL, "spdk@1.service", "spdk@10.service", "vm-1.scope", "vm-x.scope", "a.service"};
static const gid_t gids[] = {100, 101, 200};

#define PICK(array) (array)[below(ARRAY_SIZE(array))]

static struct policy_device random_device(void)
{
	static const uint16_t vendors[] = {0x8086, 0x1b36, 0x1af6};
	static const uint16_t ids[] = {0x1521, 0x0010, 0x1530};
	static const uint32_t classes[] = {0x020000, 0x010802, 0x020700};

	return (struct policy_device){
		.address = PICK(addresses), .vendor = PICK(vendors), .device = PICK(ids),
		.class_code = PICK(classes), .driver = PICK(drivers),
		.physical_function = PICK(functions), .numa_node = (int)below(3) - 1,
	};
}

static struct rule random_rule(struct text *t, unsigned number)
{
	struct rule rule = {.deny = below(2)};

	text_appendf(t, "[Rule r%u]\nAccess=%s\n", number, rule.deny ? "deny" : "allow");
	for (unsigned key = 0; key < KEYS; key++) {
		unsigned n = below(3) ? 0 : 1 + below(WORDS_MAX), all = 0;

		/* Unit= needs a user in the same rule */
		if (key == UNIT && !rule.words[USER][0])
			continue;
		while (all < ARRAY_SIZE(words[key]) && words[key][all])
			all++;
		for (unsigned i = 0; i < n; i++) {
			rule.words[key][i] = words[key][below(all)];
			text_appendf(t, "%s%s%s", i ? " " : names[key], i ? "" : "=",
				rule.words[key][i]);
		}
		if (n > 0)
			text_append(t, "\n");
	}
	return rule;
}

static bool glob(const char *pattern, const char *text)
{
	return text && fnmatch(pattern, text, FNM_NOESCAPE) == 0;
}

static bool holds(enum key key, const char *word, const struct policy_client *c,
	const struct policy_device *d)
{
	char id[16], class_code[16], pattern[32];

	switch (key) {
	case USER:
		return c->uid == (uid_t)atoi(word);
	case GROUP:
		for (size_t i = 0; i < c->n_gids; i++)
			if (c->gids[i] == (gid_t)atoi(word))
				return true;
		return false;
	case ID:
		snprintf(id, sizeof(id), "%04x:%04x", d->vendor, d->device);
		return glob(word, id);
	case CLASS:
		snprintf(class_code, sizeof(class_code), "%06x", d->class_code);
		snprintf(pattern, sizeof(pattern), "%s%s", word, strpbrk(word, "*?[") ? "" : "*");
		return glob(pattern, class_code);
	case NUMA_NODE:
		return d->numa_node == atoi(word);
	case DEVICE:
		return glob(word, d->address);
	case PF:
		return glob(word, d->physical_function);
	case DRIVER:
		return glob(word, d->driver);
	default:
		return glob(word, c->unit);
	}
}

static bool rule_holds(const struct rule *r, const struct policy_client *c,
	const struct policy_device *d)
{
	for (unsigned key = 0; key < KEYS; key++) {
		bool found = !r->words[key][0];

		if (!found && ((key == GROUP && !c->groups_known) ||
				      (key == UNIT && !c->unit_known)))
			found = r->deny;
		else
			for (unsigned i = 0; i < WORDS_MAX && r->words[key][i] && !found; i++)
				found = holds(key, r->words[key][i], c, d);
		if (!found)
			return false;
	}
	return true;
}

static size_t check(const struct policy *p, const struct rule *rules, size_t n, const char *text)
{
	struct policy_client c = {
		.uid = 1000 + below(3), .gids = gids + below(2), .n_gids = below(3),
		.unit = PICK(units), .groups_known = below(4), .unit_known = below(4),
	};
	struct policy_device d = random_device();
	const struct policy_rule *found;
	enum verdict access;
	size_t i = 0;

	while (i < n && !rule_holds(&rules[i], &c, &d))
		i++;
	found = policy_match(p, &c, &d, &access);
	cr_assert(found == (i < n ? policy_rule_at(p, i) : policy_defaults(p)),
		"rule %zu, not '%s', for uid %u unit %s, %s %04x:%04x driver %s of\n%s", i,
		found->name, (unsigned)c.uid, c.unit, d.address, d.vendor, d.device, d.driver,
		text);
	return i;
}

Test(policy_random, decides_as_the_plain_loop)
{
	size_t matched = 0, total = 0;

	state = 0x5eed;
	for (int i = 0; i < 4000; i++) {
		_cleanup_policy_free_ struct policy *p = NULL;
		_cleanup_text_ struct text t = {0};
		struct rule rules[RULES_MAX];
		size_t n = 1 + below(RULES_MAX);

		for (size_t k = 0; k < n; k++)
			rules[k] = random_rule(&t, k);
		p = parse_ok(t.data);
		for (int k = 0; k < 20; k++, total++)
			matched += check(p, rules, n, t.data) < n;
	}
	/* Otherwise the draws say little. */
	cr_assert_gt(matched, total / 4, "%zu of %zu", matched, total);
	cr_assert_lt(matched, total * 9 / 10, "%zu of %zu", matched, total);
}

/* The alternatives beyond what is remembered in a search. */
Test(policy_random, many_different_rules)
{
	_cleanup_policy_free_ struct policy *p = NULL;
	_cleanup_text_ struct text t = {0};
	const struct policy_client c = {.uid = 1000};

	for (unsigned i = 0; i < 6000; i++)
		text_appendf(&t, "[Rule r%u]\nDevice=%04x:*.%u\n", i, i, i % 8);
	p = parse_ok(t.data);
	for (unsigned i = 0; i < 6000; i += 7) {
		char address[32];
		const struct policy_device d = {.address = address};
		enum verdict access;

		snprintf(address, sizeof(address), "%04x:01:00.%u", i, i % 8);
		cr_assert_eq(policy_match(p, &c, &d, &access), policy_rule_at(p, i));
		snprintf(address, sizeof(address), "%04x:01:00.%u", i, (i + 1) % 8);
		cr_assert_eq(policy_match(p, &c, &d, &access), policy_defaults(p));
	}
}

static void random_text(char *to, const char *alphabet, unsigned max)
{
	unsigned n = below(max + 1);

	for (unsigned i = 0; i < n; i++)
		to[i] = alphabet[below(strlen(alphabet))];
	to[n] = '\0';
}

Test(policy_random, globs_match_as_fnmatch_says)
{
	size_t matched = 0;

	state = 0x910b;
	for (int i = 0; i < 300000; i++) {
		char pattern[PATTERN_MAX + 1], text[32];
		struct glob_text t;
		struct glob g;
		bool expected;

		random_text(pattern, i % 3 ? "ab*?:" : "ab*?:[]!^-[]\\.=", i % 2 ? 6 : 16);
		random_text(text, i % 5 ? "ab:" : "ab:-]![^\\", i % 2 ? 6 : 20);
		expected = fnmatch(pattern, text, FNM_NOESCAPE) == 0;
		g = glob_compile(pattern);
		t = glob_text_of(text);
		cr_assert_eq(glob_matches(pattern, text), expected, "%s and %s", pattern, text);
		cr_assert(!expected || glob_may_match(&g, &t), "%s may match %s", pattern, text);
		matched += expected;
	}
	cr_assert_gt(matched, 3000, "%zu", matched);
}
