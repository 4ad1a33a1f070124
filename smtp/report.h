/*
 * Mail that brings a report about one of our domains (DMARC, TLS): which it is,
 * and what the process that reads reports is told.  The mail itself is
 * delivered as any other.
 */
#ifndef SMTP_REPORT_H
#define SMTP_REPORT_H

#include <stdbool.h>

#include "base/sv.h"

enum smtp_report {
	SMTP_REPORT_NO,
	SMTP_REPORT_MAYBE, /* to an address that gets other mail, too */
	SMTP_REPORT_YES	   /* by its address or its header */
};

/*
 * By its recipient, in one of our domains: postmaster, which our DNS records
 * name, may be; dmarc, dmarc-reports, tlsrpt and the like, which owners name,
 * are.  With or without +detail.
 */
enum smtp_report smtp_report_address(struct sv address);
/* By its header: the subject [RFC 9990 3.5.2, RFC 8460 5.3], the fields and
 * types of TLS reports. */
bool smtp_report_header(struct sv header);

#endif
