/* Bodies of the functions that shim.h declares; each is one call of an inline function of DPDK. */

#include "shim.h"

#include <stdio.h>

#include <rte_cycles.h>
#include <rte_log.h>

/* ThreadSanitizer does not see DPDK's own accesses. What one thread gives to a ring, a device or a pool and
 * another takes out of it is ordered by DPDK (Programmer's Guide, "Ring Library", "Mempool Library"); this tells
 * it so, for that ring, device queue or pool alone, so that everything else is judged as it stands. */
#ifdef SALLYPORT_THREAD_SANITIZER
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define GIVEN(place) __tsan_release((void *)(place))
#define TAKEN(place) __tsan_acquire((void *)(place))
#else
#define GIVEN(place) ((void)(place))
#define TAKEN(place) ((void)(place))
#endif

/* AddressSanitizer does not know that a pool's mbufs come and go. Whoever has given one away finds its head closed,
 * which Rust reads before all else of a frame; DPDK itself is not held up by it. */
#ifdef SALLYPORT_ADDRESS_SANITIZER
void __asan_poison_memory_region(const volatile void *start, size_t octets);
void __asan_unpoison_memory_region(const volatile void *start, size_t octets);
#define GONE(frame) __asan_poison_memory_region((frame), sizeof(struct rte_mbuf))
#define HERE(frame) __asan_unpoison_memory_region((frame), sizeof(struct rte_mbuf))
#else
#define GONE(frame) ((void)(frame))
#define HERE(frame) ((void)(frame))
#endif

int shim_errno(void)
{
	return rte_errno;
}

unsigned int shim_lcore_id(void)
{
	return rte_lcore_id();
}

uint64_t shim_tsc(void)
{
	return rte_rdtsc();
}

int shim_log_to_stderr(void)
{
	return rte_openlog_stream(stderr);
}

int shim_link(uint16_t port, struct shim_link *link)
{
	struct rte_eth_link state;
	int status = rte_eth_link_get_nowait(port, &state);

	if (status != 0)
		return status;
	link->mbit_per_second =
		state.link_speed == RTE_ETH_SPEED_NUM_NONE ? 0 : state.link_speed;
	link->up = state.link_status == RTE_ETH_LINK_UP;
	link->full_duplex = state.link_duplex == RTE_ETH_LINK_FULL_DUPLEX;
	return 0;
}

uint16_t shim_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **frames, uint16_t count)
{
	uint16_t taken = rte_eth_rx_burst(port, queue, frames, count);

	for (uint16_t frame = 0; frame < taken; frame++) {
		TAKEN(frames[frame]);
		TAKEN(frames[frame]->pool);
		HERE(frames[frame]);
	}
	return taken;
}

uint16_t shim_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **frames, uint16_t count)
{
	for (uint16_t frame = 0; frame < count; frame++) {
		GIVEN(frames[frame]);
		GIVEN(frames[frame]->pool);
		GONE(frames[frame]);
	}
	uint16_t given = rte_eth_tx_burst(port, queue, frames, count);

	for (uint16_t frame = given; frame < count; frame++)
		HERE(frames[frame]);
	return given;
}

struct rte_mbuf *shim_mbuf_alloc(struct rte_mempool *pool)
{
	struct rte_mbuf *frame = rte_pktmbuf_alloc(pool);

	TAKEN(pool);
	if (frame != NULL)
		HERE(frame);
	return frame;
}

int shim_mbuf_alloc_bulk(struct rte_mempool *pool, struct rte_mbuf **frames, unsigned int count)
{
	int status = rte_pktmbuf_alloc_bulk(pool, frames, count);

	TAKEN(pool);
	for (unsigned int frame = 0; status == 0 && frame < count; frame++)
		HERE(frames[frame]);
	return status;
}

void shim_mbuf_free(struct rte_mbuf *frame)
{
	GIVEN(frame->pool);
	GONE(frame);
	rte_pktmbuf_free(frame);
}

void shim_mbuf_free_bulk(struct rte_mbuf **frames, unsigned int count)
{
	for (unsigned int frame = 0; frame < count; frame++)
		if (frames[frame] != NULL) {
			GIVEN(frames[frame]->pool);
			GONE(frames[frame]);
		}
	rte_pktmbuf_free_bulk(frames, count);
}

unsigned int shim_ring_enqueue_burst(struct rte_ring *ring, struct rte_mbuf **frames,
				     unsigned int count)
{
	GIVEN(ring);
	for (unsigned int frame = 0; frame < count; frame++)
		GONE(frames[frame]);
	unsigned int given = rte_ring_sp_enqueue_burst(ring, (void *const *)frames, count, NULL);

	for (unsigned int frame = given; frame < count; frame++)
		HERE(frames[frame]);
	return given;
}

unsigned int shim_ring_dequeue_burst(struct rte_ring *ring, struct rte_mbuf **frames,
				     unsigned int count)
{
	unsigned int taken = rte_ring_sc_dequeue_burst(ring, (void **)frames, count, NULL);

	TAKEN(ring);
	for (unsigned int frame = 0; frame < taken; frame++)
		HERE(frames[frame]);
	return taken;
}

unsigned int shim_ring_count(const struct rte_ring *ring)
{
	return rte_ring_count(ring);
}
