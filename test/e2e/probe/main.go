// Command probe is the ordinary pod of the end-to-end tests: it answers
// HTTP, asks others by HTTP and DNS from inside the cluster, and serves as
// an admission webhook and as an aggregated API.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 2 {
		log.Fatal("probe: say serve, webhook, apiserver, get URL, load URL|dns:NAME..., lookup NAME or tls ADDRESS")
	}
	switch os.Args[1] {
	case "serve":
		run(":8080", echo(), "", "")
	case "webhook":
		run(":8443", admission(), "/tls/tls.crt", "/tls/tls.key")
	case "apiserver":
		run(":8443", aggregated(), "/tls/tls.crt", "/tls/tls.key")
	case "get":
		get(os.Args[2])
	case "load":
		load(os.Args[2:])
	case "lookup":
		lookup(os.Args[2])
	case "tls":
		handshake(os.Args[2])
	default:
		log.Fatalf("probe: no command is called %q", os.Args[1])
	}
}

// run serves until SIGTERM, then finishes what is under way.
func run(address string, h http.Handler, cert, key string) {
	s := &http.Server{Addr: address, Handler: h, ReadHeaderTimeout: 10 * time.Second}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = s.Shutdown(grace)
	}()
	log.Printf("probe: serving on %s", address)
	var err error
	if cert == "" {
		err = s.ListenAndServe()
	} else {
		err = s.ListenAndServeTLS(cert, key)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
}

// echo tells which pod answered, and asks others on request.
func echo() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		name, _ := os.Hostname()
		fmt.Fprintf(w, "%s\n", name)
	})
	mux.HandleFunc("GET /client", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, r.RemoteAddr)
	})
	return mux
}

// admission refuses every object that carries the annotation
// probe.hanok.test/refuse.
func admission() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /validate", func(w http.ResponseWriter, r *http.Request) {
		var review struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Request    struct {
				UID    string `json:"uid"`
				Object struct {
					Metadata struct {
						Annotations map[string]string `json:"annotations"`
					} `json:"metadata"`
				} `json:"object"`
			} `json:"request"`
		}
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_, refuse := review.Request.Object.Metadata.Annotations["probe.hanok.test/refuse"]
		writeJSON(w, map[string]any{
			"apiVersion": review.APIVersion, "kind": review.Kind,
			"response": map[string]any{
				"uid": review.Request.UID, "allowed": !refuse,
				"status": map[string]any{"message": "the probe refuses this object"},
			},
		})
	})
	return mux
}

// aggregated serves the smallest API group that kubectl can discover and get.
func aggregated() http.Handler {
	const groupVersion = "probe.hanok.test/v1"
	mux := http.NewServeMux()
	mux.HandleFunc("GET /apis/"+groupVersion, func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, map[string]any{
			"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": groupVersion,
			"resources": []any{map[string]any{
				"name": "greetings", "singularName": "greeting", "namespaced": false, "kind": "Greeting",
				"verbs": []string{"get", "list"},
			}},
		})
	})
	mux.HandleFunc("GET /apis/"+groupVersion+"/greetings/{name}", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, map[string]any{
			"kind": "Greeting", "apiVersion": groupVersion,
			"metadata": map[string]any{"name": r.PathValue("name")}, "text": "good morning",
		})
	})
	return mux
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		log.Print(err)
	}
}

func get(url string) {
	c := http.Client{Timeout: 5 * time.Second}
	res, err := c.Get(url)
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(os.Stdout, res.Body); err != nil {
		log.Fatal(err)
	}
	if res.StatusCode >= 300 {
		os.Exit(1)
	}
}

func lookup(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, name)
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range addresses {
		fmt.Println(a)
	}
}

// handshake prints whom the certificate at address names.
func handshake(address string) {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", address,
		// Only asks who answers; nothing is sent.
		&tls.Config{InsecureSkipVerify: true})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	fmt.Println(conn.ConnectionState().PeerCertificates[0].Subject.CommonName)
}
