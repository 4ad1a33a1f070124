/* TLS reports as they really come, and as somebody would like to harm us. */
#include "report/tlsrpt.h"
#include "test/unit/report/dump.h"
#include "test/unit/unit.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

#define HEAD                                                            \
	"{\"organization-name\":\"a.test\",\"date-range\":{"            \
	"\"start-datetime\":\"2014-06-30T00:00:00Z\",\"end-datetime\":" \
	"\"2014-06-30T23:59:59Z\"},\"contact-info\":\"tls@a.test\","    \
	"\"report-id\":\"77\",\"policies\":"
#define HEAD_DUMP                                                         \
	"a.test <tls@a.test> id=77 example.org 1404086400-1404172799 p= " \
	"sp=\n"
#define STS                                                       \
	"\"policy\":{\"policy-type\":\"sts\",\"policy-string\":[" \
	"\"version: STSv1\"],\"policy-domain\":\"Example.org\","  \
	"\"mx-host\":[\"mail.example.org\",\"b.example.org\"]}"

static const struct dump_row rows[] = {
    {"google",
	HEAD "[{" STS ",\"summary\":{\"total-successful-session-count\":12,"
	     "\"total-failure-session-count\":0}}]}",
	RC_OK,
	HEAD_DUMP "sts example.org [] +12 -0 mx=mail.example.org, by= ()\n"},
    {"failures as in RFC 8460, pretty",
	HEAD "[{\n " STS ",\n \"summary\": {\n"
	     "  \"total-successful-session-count\": 5326,\n"
	     "  \"total-failure-session-count\": 303\n },\n"
	     " \"failure-details\": [{\n"
	     "  \"result-type\": \"certificate-expired\",\n"
	     "  \"sending-mta-ip\": \"2001:db8:abcd:0012::1\",\n"
	     "  \"receiving-mx-hostname\": \"mx1.example.org\",\n"
	     "  \"failed-session-count\": 100\n }, {\n"
	     "  \"result-type\": \"starttls-not-supported\",\n"
	     "  \"sending-mta-ip\": \"2001:db8:abcd:0013::1\",\n"
	     "  \"receiving-mx-hostname\": \"mx2.example.org\",\n"
	     "  \"receiving-ip\": \"203.0.113.56\",\n"
	     "  \"failed-session-count\": 200,\n"
	     "  \"additional-information\": \"https://a.test/x\"\n }, {\n"
	     "  \"result-type\": \"validation-failure\",\n"
	     "  \"receiving-ip\": \"203.0.113.58\",\n"
	     "  \"failed-session-count\": 3,\n"
	     "  \"failure-reason-code\": \"X509_V_ERR_PROXY\"\n }]\n}]}\n",
	RC_OK,
	HEAD_DUMP
	"sts example.org [] +5326 -303 mx=mail.example.org, by= ()\n"
	"sts example.org [certificate-expired] +0 -100 "
	"mx=mx1.example.org, by=2001:db8:abcd:12::1 ()\n"
	"sts example.org [starttls-not-supported] +0 -200 "
	"mx=mx2.example.org,203.0.113.56 by=2001:db8:abcd:13::1 "
	"(https://a.test/x)\n"
	"sts example.org [validation-failure] +0 -3 mx=,203.0.113.58 by= "
	"(X509_V_ERR_PROXY)\n"},
    {"microsoft: no address of the sender, no policy-string",
	HEAD "[{\"policy\":{\"policy-type\":\"sts\",\"policy-domain\":"
	     "\"example.org\"},\"summary\":{\"total-successful-session-count\""
	     ":0,\"total-failure-session-count\":2},\"failure-details\":[{"
	     "\"result-type\":\"sts-policy-fetch-error\","
	     "\"failed-session-count\":2}]}]}",
	RC_OK,
	HEAD_DUMP "sts example.org [] +0 -2 mx=, by= ()\n"
		  "sts example.org [sts-policy-fetch-error] +0 -2 mx=, by= "
		  "()\n"},
    {"nulls, an id with +, no domain, mx-host as a string",
	"{\"organization-name\":\"b\",\"contact-info\":null,\"report-id\":"
	"\"1+2\",\"date-range\":null,\"policies\":[{\"policy\":{"
	"\"policy-type\":\"no-policy-found\",\"policy-string\":null,"
	"\"mx-host\":\"mail.example.org\"},\"summary\":{"
	"\"total-successful-session-count\":1,\"total-failure-session-count\""
	":null},\"failure-details\":null}]}",
	RC_OK,
	"b <> id=1+2  0-0 p= sp=\n"
	"no-policy-found  [] +1 -0 mx=mail.example.org, by= ()\n"},
    {"one policy, one failure, not in lists; numbers in other clothes",
	HEAD "{" STS ",\"summary\":{\"total-successful-session-count\":\"7\","
	     "\"total-failure-session-count\":1.0},\"failure-details\":{"
	     "\"result-type\":\"sand-in-the-wires\",\"failed-session-count\":"
	     "1}}}",
	RC_OK,
	HEAD_DUMP "sts example.org [] +7 -1 mx=mail.example.org, by= ()\n"
		  "sts example.org [sand-in-the-wires] +0 -1 mx=, by= ()\n"},
    {"negative, half and huge counts",
	HEAD "[{" STS ",\"summary\":{\"total-successful-session-count\":-1}},"
	     "{" STS ",\"summary\":{\"total-failure-session-count\":0.5}},"
	     "{" STS ",\"summary\":{\"total-failure-session-count\":1e300}},"
	     "{" STS ",\"failure-details\":[{\"failed-session-count\":-3}]}]}",
	RC_OK,
	HEAD_DUMP "sts example.org [] +0 -0 mx=mail.example.org, by= ()\n"
		  "trouble: a number of sessions is not valid\n"},
    {"bytes that are not UTF-8, line breaks in a text, a NUL",
	"\xef\xbb\xbf {\"organization-name\":\"a\xff\nb\\u0000c\",\"policies\":"
	"[{" STS "}]} trailing",
	RC_OK,
	"a\xef\xbf\xbd b c <> id= example.org 0-0 p= sp=\n"
	"sts example.org [] +0 -0 mx=mail.example.org, by= ()\n"},

    {"empty", "", RC_NOTFOUND, "it is not a TLS report"},
    {"other JSON", "{\"a\":[1,2]}", RC_NOTFOUND, "it is not a TLS report"},
    {"a list", "[]", RC_NOTFOUND, "it is not a TLS report"},
    {"xml", "<feedback/>", RC_NOTFOUND, "it is not a TLS report"},
    {"no policies", HEAD "[]}", RC_SYNTAX, "it has no policies"},
    {"policies of another type", HEAD "\"x\"}", RC_SYNTAX,
	"it has no policies"},
    {"cut off", HEAD "[{", RC_SYNTAX,
	"its JSON is damaged in line 1: string or '}' expected near end of "
	"file"},
    {"deep", HEAD "[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
	RC_TOOBIG, "its values are nested more than 16 deep"},
};

START_TEST(tlsrpt__rows)
{
	dump_check(tlsrpt_read, &rows[_i]);
}
END_TEST

static void
many(struct buf *doc, unsigned n, const char *what)
{
	unsigned i;

	buf_reset(doc);
	buf_adds(doc, HEAD "[{" STS ",\"failure-details\":[");
	for (i = 0; i < n; i++)
		buf_addf(doc, "%s%s", i > 0 ? "," : "", what);
	buf_adds(doc, "]}]}");
}

/* Small values by the million cost a hundred times their bytes. */
START_TEST(tlsrpt__values_are_limited)
{
	const struct report_limits limits = REPORT_LIMITS_DEFAULT;
	struct report_builder b;
	struct err err = {.text = ""};
	struct buf doc;

	buf_init(&doc, 16u << 20);
	report_builder_init(&b, &limits);
	many(&doc, 4000000, "0");
	ck_assert_int_eq(tlsrpt_read(&b, buf_sv(&doc), &err), RC_TOOBIG);
	ck_assert_str_eq(err.text, "it has more than 200000 values");
	many(&doc, 1000, "{\"result-type\":\"x\",\"failed-session-count\":1}");
	ck_assert_int_eq(tlsrpt_read(&b, buf_sv(&doc), &err), RC_OK);
	ck_assert_uint_eq(b.r.ntls, REPORT_TLS_MAX);
	report_builder_fini(&b);
	buf_fini(&doc);
}
END_TEST

UNIT_TESTS(tlsrpt)
{
	TCase *t = tcase_create("tlsrpt");

	tcase_add_loop_test(t, tlsrpt__rows, 0, COUNT(rows));
	tcase_add_test(t, tlsrpt__values_are_limited);
	return t;
}
