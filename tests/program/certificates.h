#ifndef TESTS_CERTIFICATES_H
#define TESTS_CERTIFICATES_H

/* Write an authority to DIRECTORY/NAME.ca.pem and a certificate for localhost that it signed to
 * NAME.cert.pem, with its key in NAME.key.pem. */
void certificates_make(const char *directory, const char *name);

#endif
