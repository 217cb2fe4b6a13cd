/* For tests: a fresh certificate of one's own. */
#pragma once

/* Writes a self-signed certificate for @name and its key (EC P-256) as PEM files. */
void test_cert_write(const char *name, const char *cert_path, const char *key_path);
