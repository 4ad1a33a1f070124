/* Aggregate reports in the shapes in which they really come, and in those in
 * which somebody wants to do harm. */

#include "report/dmarc_xml.h"
#include "test/unit/report/dump.h"
#include "test/unit/unit.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

#define XML "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n"
#define META(org)                                                    \
	"<report_metadata><org_name>" org "</org_name>"              \
	"<email>dmarc@" org "</email><report_id>77</report_id>"      \
	"<date_range><begin>1404086400</begin><end>1404172799</end>" \
	"</date_range></report_metadata>"
#define POLICY                                                      \
	"<policy_published><domain>example.org</domain><p>none</p>" \
	"</policy_published>"
#define ROW(ip, n, done, dkim, spf)                                        \
	"<row><source_ip>" ip "</source_ip><count>" n "</count>"           \
	"<policy_evaluated><disposition>" done "</disposition><dkim>" dkim \
	"</dkim><spf>" spf "</spf></policy_evaluated></row>"
#define FROM(d)	   "<identifiers><header_from>" d "</header_from></identifiers>"
#define DKIM(d, r) "<dkim><domain>" d "</domain><result>" r "</result></dkim>"
#define SPF(d, r)  "<spf><domain>" d "</domain><result>" r "</result></spf>"
#define ONE                                                      \
	"<record>" ROW("192.0.2.7", "1", "none", "fail", "fail") \
	    FROM("example.org") "<auth_results>" SPF(            \
		"x.test", "fail") "</auth_results></record>"
#define ONE_DUMP                                              \
	"192.0.2.7 x1 let fail/fail from=example.org dkim=: " \
	"spf=x.test:fail\n"
#define HEAD_DUMP(org)     \
	org " <dmarc@" org \
	    "> id=77 example.org 1404086400-1404172799 p=none sp=\n"

static const struct dump_row rows[] = {
    {"google",
	XML
	"<feedback>\n  <report_metadata>\n    <org_name>google.com</org_name>\n"
	"    <email>noreply-dmarc-support@google.com</email>\n"
	"    <extra_contact_info>https://support.example.net/a/answer/2466580"
	"</extra_contact_info>\n"
	"    <report_id>13970600164729605250</report_id>\n    <date_range>\n"
	"      <begin>1404086400</begin>\n      <end>1404172799</end>\n"
	"    </date_range>\n  </report_metadata>\n  <policy_published>\n"
	"    <domain>example.org</domain>\n    <adkim>r</adkim>\n"
	"    <aspf>r</aspf>\n    <p>quarantine</p>\n    <sp>reject</sp>\n"
	"    <pct>100</pct>\n    <np>reject</np>\n  </policy_published>\n"
	"  <record>\n    <row>\n      <source_ip>198.51.100.5</source_ip>\n"
	"      <count>11</count>\n      <policy_evaluated>\n"
	"        <disposition>none</disposition>\n        <dkim>pass</dkim>\n"
	"        <spf>pass</spf>\n      </policy_evaluated>\n    </row>\n"
	"    <identifiers>\n      <header_from>example.org</header_from>\n"
	"    </identifiers>\n    <auth_results>\n      <dkim>\n"
	"        <domain>example.org</domain>\n        <result>pass</result>\n"
	"        <selector>r1</selector>\n      </dkim>\n      <spf>\n"
	"        <domain>example.org</domain>\n        <result>pass</result>\n"
	"      </spf>\n    </auth_results>\n  </record>\n  <record>\n    "
	"<row>\n"
	"      <source_ip>2001:DB8:0::7</source_ip>\n      <count>1</count>\n"
	"      <policy_evaluated>\n        <disposition>quarantine"
	"</disposition>\n        <dkim>fail</dkim>\n        <spf>fail</spf>\n"
	"      </policy_evaluated>\n    </row>\n    <identifiers>\n"
	"      <header_from>example.org</header_from>\n    </identifiers>\n"
	"    <auth_results>\n      <spf>\n        <domain>spam.test</domain>\n"
	"        <result>none</result>\n      </spf>\n    </auth_results>\n"
	"  </record>\n</feedback>\n",
	RC_OK,
	"google.com <noreply-dmarc-support@google.com> "
	"id=13970600164729605250 example.org 1404086400-1404172799 "
	"p=quarantine sp=reject\n"
	"198.51.100.5 x11 let pass/pass from=example.org "
	"dkim=example.org:pass spf=example.org:pass\n"
	"2001:db8::7 x1 junk fail/fail from=example.org dkim=: "
	"spf=spam.test:none\n"},
    {"yahoo: a blank behind the declaration, reasons",
	"<?xml version=\"1.0\"?>   \n<feedback>   \n  <report_metadata>   \n"
	"    <org_name>Yahoo</org_name>   \n    <email>dmarchelp@yahooinc.com"
	"</email>   \n    <report_id>1404172800.123456</report_id>   \n"
	"    <date_range>   \n      <begin>1404086400</begin>   \n"
	"      <end>1404172799 </end>   \n    </date_range>   \n"
	"  </report_metadata>   \n  <policy_published>   \n"
	"    <domain>example.org</domain>   \n    <adkim>r</adkim>   \n"
	"    <aspf>r</aspf>   \n    <p>reject</p>   \n    <pct>100</pct>   \n"
	"  </policy_published>   \n  <record>   \n    <row>   \n"
	"      <source_ip>203.0.113.9</source_ip>   \n      <count>2</count>\n"
	"      <policy_evaluated>   \n        <disposition>none</disposition>\n"
	"        <dkim>fail</dkim>   \n        <spf>fail</spf>   \n"
	"        <reason>\n          <type>trusted_forwarder</type>\n"
	"          <comment></comment>\n        </reason>\n"
	"      </policy_evaluated>   \n    </row>   \n    <identifiers>   \n"
	"      <header_from>example.org</header_from>   \n"
	"    </identifiers>   \n    <auth_results>   \n      <dkim>   \n"
	"        <domain>example.org</domain>   \n"
	"        <selector>r1</selector>   \n        <result>permerror</result>"
	"   \n      </dkim>   \n      <spf>   \n        <domain>lists.test"
	"</domain>   \n        <result>pass</result>   \n      </spf>   \n"
	"    </auth_results>   \n  </record>   \n</feedback>\n",
	RC_OK,
	"Yahoo <dmarchelp@yahooinc.com> id=1404172800.123456 example.org "
	"1404086400-1404172799 p=reject sp=\n"
	"203.0.113.9 x2 let fail/fail from=example.org "
	"dkim=example.org:permerror spf=lists.test:pass "
	"(trusted_forwarder)\n"},
    {"microsoft: one line, namespaces declared, envelope_to, hardfail",
	"<?xml version=\"1.0\"?><feedback "
	"xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" "
	"xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">"
	"<version>1.0</version><report_metadata><org_name>Enterprise Outlook"
	"</org_name><email>dmarcreport@microsoft.com</email><report_id>"
	"5b3ac+d3f</report_id><date_range><begin>1404086400</begin><end>"
	"1404172800</end></date_range></report_metadata><policy_published>"
	"<domain>example.org</domain><adkim>r</adkim><aspf>r</aspf><p>none</p>"
	"<sp>none</sp><pct>100</pct><fo>0</fo></policy_published><record><row>"
	"<source_ip>192.0.2.7</source_ip><count>3</count><policy_evaluated>"
	"<disposition>none</disposition><dkim>fail</dkim><spf>fail</spf>"
	"</policy_evaluated></row><identifiers><envelope_to>out.test"
	"</envelope_to><envelope_from>spam.test</envelope_from><header_from>"
	"example.org</header_from></identifiers><auth_results><dkim><domain>"
	"spam.test</domain><selector>none</selector><result>none</result>"
	"</dkim><spf><domain>spam.test</domain><scope>mfrom</scope><result>"
	"hardfail</result></spf></auth_results></record></feedback>",
	RC_OK,
	"Enterprise Outlook <dmarcreport@microsoft.com> id=5b3ac+d3f "
	"example.org 1404086400-1404172800 p=none sp=none\n"
	"192.0.2.7 x3 let fail/fail from=example.org dkim=spam.test:none "
	"spf=spam.test:hardfail\n"},
    {"a namespace and a prefix, elements of an extension",
	XML "<d:feedback xmlns:d=\"urn:ietf:params:xml:ns:dmarc-2.0\" "
	    "xmlns:x=\"urn:x\"><d:version>1.0</d:version>"
	    "<d:report_metadata><d:org_name>gmx.net</d:org_name>"
	    "<d:report_id>i</d:report_id></d:report_metadata>"
	    "<d:policy_published><d:domain>example.org</d:domain>"
	    "<d:discovery_method>treewalk</d:discovery_method>"
	    "<d:p>none</d:p><d:testing>n</d:testing></d:policy_published>"
	    "<d:extension><x:record><x:row><x:count>9</x:count></x:row>"
	    "</x:record></d:extension>"
	    "<d:record><d:row><d:source_ip>192.0.2.7</d:source_ip>"
	    "<d:count>1</d:count><d:policy_evaluated>"
	    "<d:disposition>pass</d:disposition><d:dkim>pass</d:dkim>"
	    "<d:spf>fail</d:spf></d:policy_evaluated></d:row>"
	    "<d:identifiers><d:header_from>a.example.org</d:header_from>"
	    "</d:identifiers><d:auth_results/><x:more><x:count>9</x:count>"
	    "</x:more></d:record></d:feedback>",
	RC_OK,
	"gmx.net <> id=i example.org 0-0 p=none sp=\n"
	"192.0.2.7 x1 let pass/fail from=a.example.org dkim=: spf=:\n"},
    {"a schema's element that is not closed",
	XML "<feedback><xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\""
	    " targetNamespace=\"http://dmarc.org/dmarc-xml/0.1\">" META(
		"ikea.test") POLICY ONE "</feedback>",
	RC_OK,
	HEAD_DUMP("ikea.test") ONE_DUMP
	"trouble: it breaks off after 1 record (line 2: mismatched tag)\n"},
    {"of several signatures the one that passed and is ours",
	"<feedback>" META("a.test") POLICY
	"<record>" ROW("192.0.2.7", "1", "none", "pass", "fail")
	    FROM("example.org") "<auth_results>" DKIM("example.org", "fail")
		DKIM("esp.test", "pass") DKIM("mail.example.org", "pass")
		    DKIM("esp2.test", "pass") SPF("h.test", "none")
			SPF("esp.test", "pass") SPF("x.test",
			    "fail") "</auth_results></record></feedback>",
	RC_OK,
	HEAD_DUMP("a.test") "192.0.2.7 x1 let pass/fail from=example.org "
			    "dkim=mail.example.org:pass spf=esp.test:pass\n"},
    {"nothing evaluated: it follows from the results",
	"<feedback>" META("a.test") POLICY
	"<record><row><source_ip>192.0.2.7</source_ip><count>4</count>"
	"</row>" FROM("example.org") "<auth_results>" DKIM(
	    "mail.example.org", "pass")
	    SPF("badexample.org", "pass") "</auth_results></record></feedback>",
	RC_OK,
	HEAD_DUMP(
	    "a.test") "192.0.2.7 x4 ? pass/fail from=example.org "
		      "dkim=mail.example.org:pass spf=badexample.org:pass\n"},
    {"the same outcome is one source",
	"<feedback>" META("a.test") POLICY ONE ONE ONE "</feedback>", RC_OK,
	HEAD_DUMP(
	    "a.test") "192.0.2.7 x3 let fail/fail from=example.org dkim=: "
		      "spf=x.test:fail\n"},
    {"counts that are none",
	"<feedback>" META("a.test") POLICY
	"<record>" ROW("192.0.2.1", "-5", "none", "pass", "pass")
	    FROM("example.org") "</record><record>" ROW("192.0.2.1", "", "none",
		"pass", "pass") "</record><record>" ROW("192.0.2.1",
		"99999999999999999999", "none", "pass",
		"pass") "</record><record>" ROW("192.0.2.1", "0", "none",
		"pass", "pass") "</record>" ONE "</feedback>",
	RC_OK,
	HEAD_DUMP("a.test") ONE_DUMP
	"trouble: 3 of its records have no valid number of mails and are "
	"left out\n"},
    {"a sum above all numbers stays there",
	"<feedback>" META("a.test") POLICY
	"<record>" ROW("192.0.2.1", "9223372036854775807", "none", "pass",
	    "pass") "</record><record>" ROW("192.0.2.1", "9223372036854775807",
	    "none", "pass", "pass") "</record><record>" ROW("192.0.2.1",
	    "9223372036854775807", "none", "pass",
	    "pass") "</record></feedback>",
	RC_OK,
	HEAD_DUMP("a.test") "192.0.2.1 x18446744073709551615 let pass/pass "
			    "from= dkim=: spf=:\n"},
    {"no records", "<feedback>" META("a.test") POLICY "</feedback>", RC_OK,
	HEAD_DUMP("a.test")},
    {"no policy: the domain of the first mail",
	"<feedback>" META("a.test") ONE "</feedback>", RC_OK,
	"a.test <dmarc@a.test> id=77 example.org 1404086400-1404172799 p= "
	"sp=\n" ONE_DUMP},
    {"no metadata", "<feedback>" POLICY ONE "</feedback>", RC_OK,
	" <> id= example.org 0-0 p=none sp=\n" ONE_DUMP},
    {"the order of an early draft, upper case",
	"<FEEDBACK>" ONE POLICY META("a.test") "</FEEDBACK>", RC_OK,
	HEAD_DUMP("a.test") ONE_DUMP},
    {"not UTF-8 though it says so",
	XML "<feedback>" META("caf\xe9.test") POLICY ONE "</feedback>", RC_OK,
	"caf?.test <dmarc@caf?.test> id=77 example.org "
	"1404086400-1404172799 p=none sp=\n" ONE_DUMP},
    {"latin-1",
	"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><feedback>" META(
	    "caf\xe9.test") POLICY ONE "</feedback>",
	RC_OK,
	"caf\xc3\xa9.test <dmarc@caf\xc3\xa9.test> id=77 example.org "
	"1404086400-1404172799 p=none sp=\n" ONE_DUMP},
    {"a charset that expat does not know",
	"<?xml version=\"1.0\" encoding=\"windows-1251\"?><feedback>" META(
	    "mail.ru") POLICY ONE "</feedback>",
	RC_OK, HEAD_DUMP("mail.ru") ONE_DUMP},
    {"a mark and blanks in front, a bare ampersand, controls",
	"\xef\xbb\xbf \r\n<feedback>" META("a.test&b;") POLICY ONE
	"\x01\x0c</feedback>",
	RC_OK,
	"a.test&b; <dmarc@a.test&b;> id=77 example.org "
	"1404086400-1404172799 p=none sp=\n" ONE_DUMP},
    {"what a terminal would obey is gone",
	"<feedback>" META("a&#x9b;31m&#x202e;x") POLICY "</feedback>", RC_OK,
	"a 31m x <dmarc@a 31m x> id=77 example.org "
	"1404086400-1404172799 p=none sp=\n"},
    {"milliseconds; an address in brackets, one that is none",
	"<feedback><report_metadata><org_name>a</org_name><date_range><begin>"
	"1404086400000</begin><end>2014-06-30T23:59:59Z</end></date_range>"
	"</report_metadata>" POLICY
	"<record>" ROW(" [2001:DB8::1] ", "1", "reject", "fail",
	    "fail") "</record>"
		    "<record>" ROW("::ffff:192.0.2.7", "1", "reject", "fail",
			"fail") "</record><record>" ROW("unknown", "1", "no",
			"fail", "fail") "</record></feedback>",
	RC_OK,
	"a <> id= example.org 1404086400-1404172799 p=none sp=\n"
	"2001:db8::1 x1 refused fail/fail from= dkim=: spf=:\n"
	"192.0.2.7 x1 refused fail/fail from= dkim=: spf=:\n"
	"unknown x1 ? fail/fail from= dkim=: spf=:\n"},
    {"they have trouble with our record",
	"<feedback><report_metadata><org_name>a</org_name><error>two records"
	"</error></report_metadata>" POLICY "</feedback>",
	RC_OK,
	"a <> id= example.org 0-0 p=none sp=\ntrouble: they say: two "
	"records\n"},
    {"an address in angles, and what is less than something",
	"<feedback><report_metadata><org_name>A < B <a@b.test></org_name>"
	"<email><dmarc@a.test></email><report_id>77</report_id><date_range>"
	"<begin>1404086400</begin><end>1404172799</end></date_range>"
	"</report_metadata>" POLICY ONE "</feedback >",
	RC_OK,
	"A < B <a@b.test> <<dmarc@a.test>> id=77 example.org "
	"1404086400-1404172799 p=none sp=\n" ONE_DUMP},
    {"references to characters, and what only looks so",
	"<feedback>" META("A&#38;B &#x26; &#0; &#x; AT&#T &#55296; &nbsp;")
	    POLICY ONE "</feedback>",
	RC_OK, HEAD_DUMP("A&B & &#0; &#x; AT&#T &#55296; &nbsp;") ONE_DUMP},
    {"CDATA: what is in it is as it is",
	"<feedback><report_metadata><org_name><![CDATA[A & B <b>&lt;]]>"
	"</org_name><email><![CDATA[<dmarc@a.test>]]></email><report_id>"
	"<![CDATA[77]]></report_id><date_range><begin>1404086400</begin><end>"
	"<![CDATA[140417]]>2799</end></date_range></report_metadata>" POLICY ONE
	"</feedback>",
	RC_OK,
	"A & B <b>&lt; <<dmarc@a.test>> id=77 example.org "
	"1404086400-1404172799 p=none sp=\n" ONE_DUMP},
    {"CDATA with controls and bad bytes, not closed",
	"<feedback>" META("a.test") POLICY ONE "<record><![CDATA[\x01\xff<a@b>",
	RC_OK,
	HEAD_DUMP("a.test") ONE_DUMP
	"trouble: it breaks off after 2 records (line 1: unclosed CDATA "
	"section)\n"},
    {"its end where it does not begin",
	"<feedback>" META("a]]>b") POLICY ONE "</feedback>", RC_OK,
	HEAD_DUMP("a]]>b") ONE_DUMP},
    {"comments with what they may not have, instructions",
	"<!-- a -- b & <c> --><?xml-stylesheet href=\"a\"?><feedback><!--->"
	"-->" META("a.test") "<!---->" POLICY ONE "<!-- <record> --></feedback>"
			     "<!-- end -->",
	RC_OK, HEAD_DUMP("a.test") ONE_DUMP},
    {"two declarations, two marks",
	"\xef\xbb\xbf\xef\xbb\xbf" XML "\xef\xbb\xbf" XML
	"<feedback>" META("a.test") POLICY ONE "</feedback>",
	RC_OK, HEAD_DUMP("a.test") ONE_DUMP},
    {"a declaration without a charset in it",
	"<?xml version=\"1.0\" encoding=\"\"?><feedback>" META(
	    "caf\xc3\xa9.test") POLICY ONE "</feedback>",
	RC_OK, HEAD_DUMP("caf\xc3\xa9.test") ONE_DUMP},
    {"says UTF-16 and is UTF-8",
	"<?xml version=\"1.0\" encoding=\"utf-16\"?><feedback>" META(
	    "caf\xc3\xa9 \xf0\x9f\x93\xa7") POLICY ONE "</feedback>",
	RC_OK, HEAD_DUMP("caf\xc3\xa9 \xf0\x9f\x93\xa7") ONE_DUMP},
    {"says ASCII and is UTF-8",
	"<?xml version=\"1.0\" encoding=\"us-ascii\"?><feedback>" META(
	    "caf\xc3\xa9.test") POLICY ONE "</feedback>",
	RC_OK, HEAD_DUMP("caf\xc3\xa9.test") ONE_DUMP},
    {"more than white space behind it",
	"<feedback>" META("a.test") POLICY ONE
	"</feedback>\n--\n</html>sent by x",
	RC_OK, HEAD_DUMP("a.test") ONE_DUMP},
    {"no records, and something behind it",
	"<feedback>" META("a.test") POLICY "</feedback>}", RC_OK,
	HEAD_DUMP("a.test")},
    {"another report behind it",
	"<feedback>" META("a.test") POLICY ONE
	"</feedback>\n" XML "<feedback>" META("b.test") POLICY ONE
	"</feedback>",
	RC_OK,
	HEAD_DUMP("a.test") ONE_DUMP
	"trouble: another report follows in the same file: not read\n"},
    {"elements that come twice",
	"<feedback>" META("a.test") POLICY POLICY "<record>" ROW(
	    "192.0.2.7", "1", "none", "fail", "fail") FROM("example.org")
	    FROM("example.org") "<auth_results>" SPF("x.test", "fail")
		SPF("x.test", "fail") "</auth_results></record></feedback>",
	RC_OK, HEAD_DUMP("a.test") ONE_DUMP},
    {"it breaks off",
	"<feedback>" META("a.test") POLICY ONE "<record><row><count>7<", RC_OK,
	HEAD_DUMP("a.test") ONE_DUMP
	"trouble: it breaks off after 2 records (line 1: unclosed token)\n"},

    {"empty", "", RC_NOTFOUND, "it is not XML"},
    {"blanks", " \n", RC_NOTFOUND, "it is not XML"},
    {"a word", "unused", RC_NOTFOUND, "it is not XML"},
    {"html", "<!DOCTYPE html><html><body>hi</body></html>", RC_NOTFOUND,
	"it is not a DMARC report"},
    {"another document", "<rss><feedback/></rss>", RC_NOTFOUND,
	"it is not a DMARC report"},
    {"nothing in it", "<feedback/>", RC_SYNTAX,
	"it says neither who sends it nor what it is about"},
    {"broken before the first record",
	"<feedback>" META("a.test") "<policy_published></feedback>", RC_SYNTAX,
	"its XML is damaged: mismatched tag"},
    {"laughter",
	"<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY a \"ha\">"
	"<!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]><feedback>" META(
	    "&b;") "</feedback>",
	RC_DENIED, "it has a document type, which could define entities"},
    {"a file of ours",
	"<!DOCTYPE feedback [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>"
	"<feedback>" META("&x;") "</feedback>",
	RC_DENIED, "it has a document type, which could define entities"},
    {"a document type without anything",
	"<!DOCTYPE feedback><feedback>" META("a.test") "</feedback>", RC_DENIED,
	"it has a document type, which could define entities"},
};

START_TEST(dmarc_xml__rows)
{
	dump_check(dmarc_xml_read, &rows[_i]);
}
END_TEST

/* A report in UTF-16, with a mark and without, and whatever it says. */
static const struct {
	const char *name, *declared;
	bool little, marked;
} wides[] = {
    {"little, marked", "utf-16", true, true},
    {"big, marked", "utf-16", false, true},
    {"little, not marked", "UTF-16LE", true, false},
    {"big, not marked", "UTF-16BE", false, false},
    {"says UTF-8", "UTF-8", true, true},
    {"says Latin-1", "ISO-8859-1", false, true},
};

START_TEST(dmarc_xml__utf16_of_any_kind)
{
	static const char text[] =
	    "<feedback>" META("a <b@c> & \xff") POLICY ONE "</feedback>";
	const struct report_limits limits = REPORT_LIMITS_DEFAULT;
	struct buf narrow, wide, out;
	struct report_builder b;
	struct err err;
	size_t i;

	buf_init(&narrow, 4000);
	buf_init(&wide, 8000);
	buf_init(&out, 4000);
	buf_addf(&narrow, "%s<?xml version=\"1.0\" encoding=\"%s\"?>%s",
	    wides[_i].marked ? "\xfe" : "", wides[_i].declared, text);
	for (i = 0; i < narrow.n; i++) {
		char c = narrow.p[i], high = '\0';

		if (c == '\xfe') {
			high = '\xfe';
			c = '\xff';
		} else if (c == '\xff') {
			high = '\xd8'; /* half a pair */
			c = '\x01';
		}
		buf_addc(&wide, wides[_i].little ? c : high);
		buf_addc(&wide, wides[_i].little ? high : c);
	}
	report_builder_init(&b, &limits);
	ck_assert_msg(dmarc_xml_read(&b, buf_sv(&wide), &err) == RC_OK,
	    "%s: %s", wides[_i].name, err.text);
	dump(&b.r, &out);
	ck_assert_msg(
	    strcmp(out.p, HEAD_DUMP("a <b@c> & \xef\xbf\xbd") ONE_DUMP) == 0,
	    "%s: %s", wides[_i].name, out.p);
	report_builder_fini(&b);
	buf_fini(&out);
	buf_fini(&wide);
	buf_fini(&narrow);
}
END_TEST

/* A name has no NUL in it. */
START_TEST(dmarc_xml__nul_in_a_tag)
{
	static const char doc[] =
	    "<feedback>" META("a <b\0c@d> e") POLICY ONE "</feedback>";
	const struct report_limits limits = REPORT_LIMITS_DEFAULT;
	struct report_builder b;
	struct err err;
	struct buf out;

	buf_init(&out, 4000);
	report_builder_init(&b, &limits);
	ck_assert_int_eq(
	    dmarc_xml_read(&b, sv_of(doc, sizeof doc - 1), &err), RC_OK);
	dump(&b.r, &out);
	ck_assert_str_eq(out.p, HEAD_DUMP("a <b c@d> e") ONE_DUMP);
	report_builder_fini(&b);
	buf_fini(&out);
}
END_TEST

/* The first n bytes of a report, each n: never more than is there. */
START_TEST(dmarc_xml__any_beginning)
{
	const struct report_limits limits = REPORT_LIMITS_DEFAULT;
	struct sv all = sv_str(rows[0].document);
	struct report_builder b;
	struct err err;
	size_t n;
	int r;

	for (n = 0; n < all.n; n++) {
		report_builder_init(&b, &limits);
		r = dmarc_xml_read(&b, sv_first(all, n), &err);
		ck_assert_msg(
		    r != RC_OK || b.r.nsource > 0 || n + 12 > all.n, "%zu", n);
		ck_assert(r != RC_OK || b.r.trouble.n > 0 || n + 2 > all.n);
		report_builder_fini(&b);
	}
}
END_TEST

static void
many(struct buf *out, unsigned n, const char *dkim)
{
	unsigned i;

	buf_adds(out, "<feedback>" META("a.test") POLICY);
	for (i = 0; i < n; i++)
		buf_addf(out,
		    "<record><row><source_ip>10.%u.%u.%u</source_ip>"
		    "<count>1</count><policy_evaluated><disposition>none"
		    "</disposition><dkim>%s</dkim><spf>fail</spf>"
		    "</policy_evaluated></row>" FROM("example.org") "</record>",
		    i >> 16, i >> 8 & 255, i & 255, dkim);
	buf_adds(out, "</feedback>");
}

/* limit - 1, limit, limit + 1, far above */
START_TEST(dmarc_xml__records_are_limited)
{
	static const unsigned number[] = {19999, 20000, 20001, 100000};
	const struct report_limits limits = REPORT_LIMITS_DEFAULT;
	struct report_builder b;
	struct err err = {.text = ""};
	struct buf doc;
	int r;

	/* So that it is the records that are too many. */
	buf_init(&doc, 64u << 20);
	many(&doc, number[_i], "fail");
	report_builder_init(&b, &limits);
	r = dmarc_xml_read(&b, buf_sv(&doc), &err);
	ck_assert_int_eq(r, _i < 2 ? RC_OK : RC_TOOBIG);
	if (_i < 2) {
		ck_assert_uint_eq(b.r.nsource, REPORT_SOURCES_MAX / 2);
		ck_assert_uint_eq(
		    b.r.more_failed, number[_i] - REPORT_SOURCES_MAX / 2);
		ck_assert_uint_eq(b.r.more_passed, 0);
	} else if (doc.n > limits.unpacked) {
		ck_assert_str_eq(err.text, "it has more than 16777216 bytes");
	} else {
		ck_assert_str_eq(err.text, "it has more than 20000 records");
	}
	report_builder_fini(&b);
	buf_fini(&doc);
}
END_TEST

/* The longest texts in all places: it still is one message. */
START_TEST(dmarc_xml__fits_a_message)
{
	const struct report_limits limits = REPORT_LIMITS_DEFAULT;
	char text[2000];
	struct report_builder b;
	struct report_record got;
	struct err err = {.text = ""};
	struct buf doc;
	struct msg m;
	unsigned i;

	buf_init(&doc, 16u << 20);
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	buf_addf(&doc,
	    "<feedback><report_metadata><org_name>%s</org_name>"
	    "<email>%s</email><report_id>%s</report_id><error>%s"
	    "</error></report_metadata><policy_published><domain>%s"
	    "</domain><p>%s</p><sp>%s</sp></policy_published>",
	    text, text, text, text, text, text, text);
	for (i = 0; i < 500; i++)
		buf_addf(&doc,
		    "<record><row><source_ip>%u%s</source_ip><count>2</count>"
		    "<policy_evaluated><dkim>%s</dkim><reason><comment>%s"
		    "</comment></reason></policy_evaluated></row><identifiers>"
		    "<header_from>%s</header_from></identifiers><auth_results>"
		    "<dkim><domain>%s</domain><result>%s</result></dkim><spf>"
		    "<domain>%s</domain><result>%s</result></spf>"
		    "</auth_results></record>",
		    i, text, i % 2 ? "pass" : "fail", text, text, text, text,
		    text, text);
	buf_adds(&doc, "</feedback>");
	report_builder_init(&b, &limits);
	ck_assert_int_eq(dmarc_xml_read(&b, buf_sv(&doc), &err), RC_OK);
	ck_assert_uint_lt(b.r.nsource, REPORT_SOURCES_MAX);
	ck_assert_uint_gt(b.r.more_failed, 0);
	msg_init(&m, 1);
	report_record_put(&m, &b.r);
	ck_assert(buf_ok(&m.b));
	ck_assert_int_eq(report_record_get(&m, &got), RC_OK);
	ck_assert_uint_eq(got.nsource, b.r.nsource);
	report_record_fini(&got);
	msg_fini(&m);
	report_builder_fini(&b);
	buf_fini(&doc);
}
END_TEST

/* Those who pass are seen among a flood of those who fail. */
START_TEST(dmarc_xml__a_flood_hides_nobody)
{
	const struct report_limits limits = REPORT_LIMITS_DEFAULT;
	struct report_builder b;
	struct err err = {.text = ""};
	struct buf doc;
	uint32_t i, passed = 0;

	buf_init(&doc, 16u << 20);
	many(&doc, 1000, "fail");
	buf_truncate(&doc, doc.n - strlen("</feedback>"));
	buf_adds(&doc, "<record>" ROW("198.51.100.5", "11", "none", "pass",
			   "pass") FROM("example.org") "</record></feedback>");
	report_builder_init(&b, &limits);
	ck_assert_int_eq(dmarc_xml_read(&b, buf_sv(&doc), &err), RC_OK);
	for (i = 0; i < b.r.nsource; i++)
		passed += report_source_passed(&b.r.source[i]);
	ck_assert_uint_eq(passed, 1);
	report_builder_fini(&b);
	buf_fini(&doc);
}
END_TEST

START_TEST(dmarc_xml__depth_is_limited)
{
	const struct report_limits limits = REPORT_LIMITS_DEFAULT;
	struct report_builder b;
	struct err err = {.text = ""};
	struct buf doc;
	unsigned i;

	buf_init(&doc, 16u << 20);
	buf_adds(&doc, "<feedback>" META("a.test") POLICY);
	for (i = 0; i < 100000; i++)
		buf_adds(&doc, "<x>");
	report_builder_init(&b, &limits);
	ck_assert_int_eq(dmarc_xml_read(&b, buf_sv(&doc), &err), RC_TOOBIG);
	ck_assert_str_eq(err.text, "its elements are nested more than 16 deep");
	report_builder_fini(&b);
	buf_fini(&doc);
}
END_TEST

/* Two bytes for each character, as the mark in front says. */
START_TEST(dmarc_xml__utf16)
{
	const struct report_limits limits = REPORT_LIMITS_DEFAULT;
	struct sv text = SV("<feedback>" META("a.test") POLICY "</feedback>");
	struct report_builder b;
	struct err err = {.text = ""};
	struct buf doc;
	size_t i;

	buf_init(&doc, 1 << 20);
	buf_add(&doc, "\xff\xfe", 2);
	for (i = 0; i < text.n; i++) {
		buf_addc(&doc, text.p[i]);
		buf_addc(&doc, '\0');
	}
	report_builder_init(&b, &limits);
	ck_assert_int_eq(dmarc_xml_read(&b, buf_sv(&doc), &err), RC_OK);
	ck_assert(sv_eq(b.r.org, SV("a.test")));
	report_builder_fini(&b);
	buf_fini(&doc);
}
END_TEST

UNIT_TESTS(dmarc_xml)
{
	TCase *t = tcase_create("dmarc_xml");

	tcase_add_loop_test(t, dmarc_xml__rows, 0, COUNT(rows));
	tcase_add_test(t, dmarc_xml__any_beginning);
	tcase_add_loop_test(t, dmarc_xml__records_are_limited, 0, 4);
	tcase_add_test(t, dmarc_xml__fits_a_message);
	tcase_add_test(t, dmarc_xml__a_flood_hides_nobody);
	tcase_add_test(t, dmarc_xml__depth_is_limited);
	tcase_add_test(t, dmarc_xml__utf16);
	tcase_add_loop_test(t, dmarc_xml__utf16_of_any_kind, 0, COUNT(wides));
	tcase_add_test(t, dmarc_xml__nul_in_a_tag);
	return t;
}
