#include "smtp/report.h"

#include "mail/field.h"

enum smtp_report
smtp_report_address(struct sv address)
{
	static const struct sv names[] = {SV("dmarc"), SV("dmarc-report"),
	    SV("dmarc-reports"), SV("dmarcreports"), SV("dmarc-rua"),
	    SV("dmarc_rua"), SV("rua"), SV("tlsrpt"), SV("tls-report"),
	    SV("tls-reports"), SV("tlsreports"), SV("smtp-tls-reports")};
	struct sv local = sv_first(address, sv_rchr(address, '@'));
	size_t i;

	local = sv_first(local, sv_chr(local, '+'));
	if (sv_ieq(local, SV("postmaster")))
		return SMTP_REPORT_MAYBE;
	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		if (sv_ieq(local, names[i]))
			return SMTP_REPORT_YES;
	return SMTP_REPORT_NO;
}

bool
smtp_report_header(struct sv header)
{
	struct mail_field f;

	while (mail_field_next(&header, &f))
		if (sv_ieq(f.name, SV("tls-report-domain")) ||
		    (sv_ieq(f.name, SV("subject")) &&
			sv_ifind(f.value, SV("report domain:")) < f.value.n) ||
		    (sv_ieq(f.name, SV("content-type")) &&
			sv_ifind(f.value, SV("tlsrpt")) < f.value.n))
			return true;
	return false;
}
