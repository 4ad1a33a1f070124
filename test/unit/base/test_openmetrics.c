/* The text of metrics: suffixes, escapes, numbers; and the histograms in it. */
#include "base/latency.h"
#include "base/openmetrics.h"
#include "test/unit/unit.h"

START_TEST(openmetrics__writes_families)
{
	const struct openmetrics_label l[2] = {
	    {"a", SV("x\"y\\z\nw\1\xff")}, {"le", SV("+Inf")}};
	const struct openmetrics_label sum[2] = {{NULL, SV("")}, l[1]};
	struct buf out;

	buf_init(&out, 4096);
	openmetrics_family(
	    &out, "t_seconds", OPENMETRICS_HISTOGRAM, "seconds", "Help.");
	openmetrics_sample(&out, "t_seconds", "_bucket", l, 3);
	openmetrics_sample(&out, "t_seconds", "_sum", sum, 1.5);
	openmetrics_family(&out, "n", OPENMETRICS_COUNTER, NULL, "More.");
	openmetrics_sample(&out, "n", "_total", NULL, 1e15);
	openmetrics_end(&out);
	ck_assert_str_eq(out.p, "# TYPE t_seconds histogram\n"
				"# UNIT t_seconds seconds\n"
				"# HELP t_seconds Help.\n"
				"t_seconds_bucket{a=\"x\\\"y\\\\z\\nw??\","
				"le=\"+Inf\"} 3\n"
				"t_seconds_sum{le=\"+Inf\"} 1.500\n"
				"# TYPE n counter\n"
				"# HELP n More.\n"
				"n_total 1000000000000000\n"
				"# EOF\n");
	buf_fini(&out);
}
END_TEST

START_TEST(latency__counts_in_buckets)
{
	static const int64_t ms[] = {-5, 0, 5, 6, 2500, 2501, 1ll << 40};
	uint64_t n[LATENCY_NUMBERS];
	size_t i;

	for (i = 0; i < sizeof ms / sizeof ms[0]; i++)
		latency_add(LATENCY_SEND, ms[i]);
	latency_get(LATENCY_SEND, n);
	ck_assert_uint_eq(n[0], 3);
	ck_assert_uint_eq(n[1], 1);
	ck_assert_uint_eq(n[4], 1);
	ck_assert_uint_eq(n[5], 1);
	ck_assert_uint_eq(n[LATENCY_BUCKETS - 1], 1);
	ck_assert_uint_eq(n[LATENCY_BUCKETS], 5012 + (1ull << 40));
	latency_get(LATENCY_STORE, n);
	ck_assert_uint_eq(n[0], 0);
}
END_TEST

UNIT_TESTS(openmetrics)
{
	TCase *t = tcase_create("openmetrics");

	tcase_add_test(t, openmetrics__writes_families);
	tcase_add_test(t, latency__counts_in_buckets);
	return t;
}
