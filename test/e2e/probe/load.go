package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// loadRate is how often a second each target is asked.
const loadRate = 50

// tally counts what was asked of one kind of target, and what of it failed.
type tally struct{ asked, failed atomic.Int64 }

// load asks each target fifty times a second, on time, whether earlier
// questions are answered or not: a URL over a new connection, dns:NAME by one
// packet to the cluster's DNS. Every second it prints "asked N failed M, looked
// up N failed M", and every failure as it happens.
func load(targets []string) {
	if len(targets) == 0 {
		log.Fatal("probe: load needs URLs or dns:NAMEs")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	var requests, lookups tally
	for _, target := range targets {
		if name, ok := strings.CutPrefix(target, "dns:"); ok {
			go repeat(target, &lookups, func() error { return query(name) })
		} else {
			go repeat(target, &requests, func() error { return ask(client, target) })
		}
	}
	tell := time.NewTicker(time.Second)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tell.C:
			fmt.Printf("asked %d failed %d, looked up %d failed %d\n",
				requests.asked.Load(), requests.failed.Load(), lookups.asked.Load(), lookups.failed.Load())
		}
	}
}

func repeat(target string, t *tally, try func() error) {
	for range time.Tick(time.Second / loadRate) {
		go func() {
			began := time.Now()
			err := try()
			t.asked.Add(1)
			if err != nil {
				t.failed.Add(1)
				log.Printf("%s: begun at %s, after %v: %v", target, began.UTC().Format("15:04:05.000"), time.Since(began).Round(time.Millisecond), err)
			}
		}()
	}
}

func ask(client *http.Client, url string) error {
	res, err := client.Get(url)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", res.Status)
	}
	return nil
}
