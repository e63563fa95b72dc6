package main

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// steps computes n steps, starting from x, as bench_common::steps does.
func steps(x uint64, n int64) uint64 {
	for range n {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return x
}

// sink keeps what is computed from being optimised away.
var sink atomic.Uint64

type gridCell struct {
	section, outside, goroutines int64
}

// grid measures one cell, KIND,SECTION,OUTSIDE,GOROUTINES, as gort's workloads/grid.rs does.
func grid(variant string, n int64) (int64, time.Duration) {
	kind, c := gridParse(variant)
	switch kind {
	case "mutex":
		var mu sync.Mutex
		var count int64
		var x uint64
		ops, d := c.takeTurns(n, func(int64) {
			mu.Lock()
			count++
			x = steps(x, c.section)
			mu.Unlock()
		})
		check(count == ops && x == steps(0, ops*c.section), "%d", count)
		return ops, d
	case "rwlock":
		var mu sync.RWMutex
		var writes uint64
		ops, d := c.takeTurns(n, func(i int64) {
			if i%10 == 0 {
				mu.Lock()
				writes++
				use(steps(writes, c.section))
				mu.Unlock()
			} else {
				mu.RLock()
				use(steps(writes, c.section))
				mu.RUnlock()
			}
		})
		each := n / c.goroutines
		check(writes == uint64((each+9)/10*c.goroutines), "%d", writes)
		return ops, d
	case "semaphore":
		permits := make(chan struct{}, 4)
		ops, d := c.takeTurns(n, func(i int64) {
			permits <- struct{}{}
			use(steps(uint64(i), c.section))
			<-permits
		})
		check(len(permits) == 0, "%d", len(permits))
		return ops, d
	default:
		return c.channel(n)
	}
}

//go:noinline
func use(uint64) {}

func gridParse(variant string) (kind string, c gridCell) {
	var ok int
	for _, k := range []string{"mutex", "rwlock", "semaphore", "channel"} {
		ok, _ = fmt.Sscanf(variant, k+",%d,%d,%d", &c.section, &c.outside, &c.goroutines)
		if ok == 3 && c.goroutines >= 2 {
			return k, c
		}
	}
	fmt.Fprintln(os.Stderr, "no cell", variant)
	os.Exit(2)
	return
}

// start runs f in a goroutine that group waits for.
func start(group *sync.WaitGroup, f func()) {
	group.Add(1)
	go func() {
		defer group.Done()
		f()
	}()
}

func (c gridCell) takeTurns(n int64, access func(int64)) (int64, time.Duration) {
	each := n / c.goroutines
	var all sync.WaitGroup
	t := time.Now()
	for k := range c.goroutines {
		start(&all, func() {
			own := uint64(k)
			for i := range each {
				access(i)
				own = steps(own, c.outside)
			}
			sink.Store(own)
		})
	}
	all.Wait()
	return each * c.goroutines, time.Since(t)
}

func (c gridCell) channel(n int64) (int64, time.Duration) {
	pairs := c.goroutines / 2
	each := n / pairs
	ch := make(chan int64, 16)
	var count, sum atomic.Int64
	var senders, receivers sync.WaitGroup
	t := time.Now()
	for k := range pairs {
		start(&senders, func() {
			own := uint64(k)
			for i := range each {
				ch <- i
				own = steps(own, c.outside)
			}
			sink.Store(own)
		})
	}
	for range pairs {
		start(&receivers, func() {
			var got, total int64
			for i := range ch {
				use(steps(uint64(i), c.section))
				got++
				total += i
			}
			count.Add(got)
			sum.Add(total)
		})
	}
	senders.Wait()
	close(ch)
	receivers.Wait()
	d := time.Since(t)
	check(count.Load() == each*pairs && sum.Load() == pairs*(each*(each-1)/2), "%d", count.Load())
	return each * pairs, d
}
