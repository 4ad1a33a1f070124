/* What others have reported about our domains, as JSON. */
#ifndef CMD_COMMAND_REPORTS_H
#define CMD_COMMAND_REPORTS_H

#include <jansson.h>

#include "report/sentences.h"

/* One report with all that is known of it, and its sentences. */
json_t *reports_json(
    const struct report_record *r, const struct report_known *known);

#endif
