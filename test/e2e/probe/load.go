package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// loadRate is how often a second each URL is asked.
const loadRate = 50

// load asks each URL fifty times a second, each time over a new connection
// and on time, whether earlier requests are answered or not. Every second it
// prints "asked N failed M", and every failure as it happens.
func load(urls []string) {
	if len(urls) == 0 {
		log.Fatal("probe: load needs URLs")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	var asked, failed atomic.Int64
	for _, url := range urls {
		go func() {
			for range time.Tick(time.Second / loadRate) {
				go func() {
					began := time.Now()
					err := ask(client, url)
					asked.Add(1)
					if err != nil {
						failed.Add(1)
						log.Printf("%s: begun at %s, after %v: %v", url, began.UTC().Format("15:04:05.000"), time.Since(began).Round(time.Millisecond), err)
					}
				}()
			}
		}()
	}
	tell := time.NewTicker(time.Second)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tell.C:
			fmt.Printf("asked %d failed %d\n", asked.Load(), failed.Load())
		}
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
