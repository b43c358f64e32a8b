// Command ca-certificates prints the root certificates that Mozilla trusts, as
// PEM: the file that images carry as /etc/ssl/certs/ca-certificates.crt. They
// come from a fixed version of a Go module, not from the building host, so
// that the same sources make the same image anywhere.
package main

import (
	"bufio"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log"
	"os"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	for root := range bundle.Roots() {
		// A constrained root (distrusted after a date) cannot say so in PEM.
		if root.Constraint != nil {
			continue
		}
		cert, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			log.Fatalf("ca-certificates: a root of the module does not parse: %v", err)
		}
		fmt.Fprintf(out, "# %s\n", cert.Subject)
		if err := pem.Encode(out, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}); err != nil {
			log.Fatal(err)
		}
	}
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}
}
