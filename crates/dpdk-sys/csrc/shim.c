/* Bodies of the functions that shim.h declares; each is one call of an inline function of DPDK. */

#include "shim.h"

#include <stdio.h>

#include <rte_cycles.h>
#include <rte_log.h>

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
	return rte_eth_rx_burst(port, queue, frames, count);
}

uint16_t shim_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **frames, uint16_t count)
{
	return rte_eth_tx_burst(port, queue, frames, count);
}

struct rte_mbuf *shim_mbuf_alloc(struct rte_mempool *pool)
{
	return rte_pktmbuf_alloc(pool);
}

int shim_mbuf_alloc_bulk(struct rte_mempool *pool, struct rte_mbuf **frames, unsigned int count)
{
	return rte_pktmbuf_alloc_bulk(pool, frames, count);
}

void shim_mbuf_free(struct rte_mbuf *frame)
{
	rte_pktmbuf_free(frame);
}

unsigned int shim_ring_enqueue_burst(struct rte_ring *ring, struct rte_mbuf **frames,
				     unsigned int count)
{
	return rte_ring_sp_enqueue_burst(ring, (void *const *)frames, count, NULL);
}

unsigned int shim_ring_dequeue_burst(struct rte_ring *ring, struct rte_mbuf **frames,
				     unsigned int count)
{
	return rte_ring_sc_dequeue_burst(ring, (void **)frames, count, NULL);
}

unsigned int shim_ring_count(const struct rte_ring *ring)
{
	return rte_ring_count(ring);
}
