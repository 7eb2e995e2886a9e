/* What Rust cannot call or see by itself: inline functions of DPDK, macros with casts, and the
 * offsets of the mbuf fields that the packet path reads.
 *
 * One function per burst or lifecycle operation: a call through the shim costs a few cycles, which a
 * burst of 32 pays once. */

#ifndef SALLYPORT_DPDK_SHIM_H
#define SALLYPORT_DPDK_SHIM_H

/* First: it decides the layout of every structure below. */
#include <rte_config.h>

#include <stddef.h>
#include <stdint.h>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>
#include <rte_mempool.h>
#include <rte_ring.h>
#include <rte_version.h>

static const uint32_t SHIM_LCORE_ID_ANY = LCORE_ID_ANY;

/* Offsets that `MbufHead` in lib.rs is held against at compile time. */
static const size_t SHIM_MBUF_BUF_ADDR = offsetof(struct rte_mbuf, buf_addr);
static const size_t SHIM_MBUF_DATA_OFF = offsetof(struct rte_mbuf, data_off);
static const size_t SHIM_MBUF_REFCNT = offsetof(struct rte_mbuf, refcnt);
static const size_t SHIM_MBUF_NB_SEGS = offsetof(struct rte_mbuf, nb_segs);
static const size_t SHIM_MBUF_PORT = offsetof(struct rte_mbuf, port);
static const size_t SHIM_MBUF_OL_FLAGS = offsetof(struct rte_mbuf, ol_flags);
static const size_t SHIM_MBUF_PACKET_TYPE = offsetof(struct rte_mbuf, packet_type);
static const size_t SHIM_MBUF_PKT_LEN = offsetof(struct rte_mbuf, pkt_len);
static const size_t SHIM_MBUF_DATA_LEN = offsetof(struct rte_mbuf, data_len);
static const size_t SHIM_MBUF_VLAN_TCI = offsetof(struct rte_mbuf, vlan_tci);
static const size_t SHIM_MBUF_HASH_RSS = offsetof(struct rte_mbuf, hash.rss);
static const size_t SHIM_MBUF_BUF_LEN = offsetof(struct rte_mbuf, buf_len);

/* Receive flags of an mbuf. */
static const uint64_t SHIM_RX_RSS_HASH = RTE_MBUF_F_RX_RSS_HASH;
static const uint64_t SHIM_RX_VLAN_STRIPPED = RTE_MBUF_F_RX_VLAN_STRIPPED;
static const uint64_t SHIM_RX_QINQ_STRIPPED = RTE_MBUF_F_RX_QINQ_STRIPPED;
static const uint64_t SHIM_RX_IP_CKSUM_MASK = RTE_MBUF_F_RX_IP_CKSUM_MASK;
static const uint64_t SHIM_RX_IP_CKSUM_BAD = RTE_MBUF_F_RX_IP_CKSUM_BAD;
static const uint64_t SHIM_RX_IP_CKSUM_GOOD = RTE_MBUF_F_RX_IP_CKSUM_GOOD;
static const uint64_t SHIM_RX_IP_CKSUM_NONE = RTE_MBUF_F_RX_IP_CKSUM_NONE;
static const uint64_t SHIM_RX_L4_CKSUM_MASK = RTE_MBUF_F_RX_L4_CKSUM_MASK;
static const uint64_t SHIM_RX_L4_CKSUM_BAD = RTE_MBUF_F_RX_L4_CKSUM_BAD;
static const uint64_t SHIM_RX_L4_CKSUM_GOOD = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
static const uint64_t SHIM_RX_L4_CKSUM_NONE = RTE_MBUF_F_RX_L4_CKSUM_NONE;

/* Offloads of a port. */
static const uint64_t SHIM_RX_OFFLOAD_IPV4_CKSUM = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
static const uint64_t SHIM_RX_OFFLOAD_UDP_CKSUM = RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
static const uint64_t SHIM_RX_OFFLOAD_TCP_CKSUM = RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
static const uint64_t SHIM_RX_OFFLOAD_RSS_HASH = RTE_ETH_RX_OFFLOAD_RSS_HASH;
static const uint64_t SHIM_TX_OFFLOAD_FAST_FREE = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;

/* The device tells when it is pulled. */
static const uint32_t SHIM_DEV_INTR_RMV = RTE_ETH_DEV_INTR_RMV;

/* Kinds of packet that receive-side scaling may hash. */
static const uint64_t SHIM_RSS_IPV4 = RTE_ETH_RSS_IPV4;
static const uint64_t SHIM_RSS_FRAG_IPV4 = RTE_ETH_RSS_FRAG_IPV4;
static const uint64_t SHIM_RSS_IPV4_TCP = RTE_ETH_RSS_NONFRAG_IPV4_TCP;
static const uint64_t SHIM_RSS_IPV4_UDP = RTE_ETH_RSS_NONFRAG_IPV4_UDP;
static const uint64_t SHIM_RSS_IPV4_SCTP = RTE_ETH_RSS_NONFRAG_IPV4_SCTP;
static const uint64_t SHIM_RSS_IPV4_OTHER = RTE_ETH_RSS_NONFRAG_IPV4_OTHER;
static const uint64_t SHIM_RSS_IPV6 = RTE_ETH_RSS_IPV6;
static const uint64_t SHIM_RSS_FRAG_IPV6 = RTE_ETH_RSS_FRAG_IPV6;
static const uint64_t SHIM_RSS_IPV6_TCP = RTE_ETH_RSS_NONFRAG_IPV6_TCP;
static const uint64_t SHIM_RSS_IPV6_UDP = RTE_ETH_RSS_NONFRAG_IPV6_UDP;
static const uint64_t SHIM_RSS_IPV6_SCTP = RTE_ETH_RSS_NONFRAG_IPV6_SCTP;
static const uint64_t SHIM_RSS_IPV6_OTHER = RTE_ETH_RSS_NONFRAG_IPV6_OTHER;
static const uint64_t SHIM_RSS_IPV6_EX = RTE_ETH_RSS_IPV6_EX;
static const uint64_t SHIM_RSS_IPV6_TCP_EX = RTE_ETH_RSS_IPV6_TCP_EX;
static const uint64_t SHIM_RSS_IPV6_UDP_EX = RTE_ETH_RSS_IPV6_UDP_EX;

/* The calling thread's rte_errno; it is kept per lcore, so it is read right after the failed call. */
int shim_errno(void);

/* The calling thread's lcore; SHIM_LCORE_ID_ANY if it has none. */
unsigned int shim_lcore_id(void);

uint64_t shim_tsc(void);

/* Sends DPDK's log to standard error only; by default it goes to syslog as well. */
int shim_log_to_stderr(void);

struct shim_link {
	uint32_t mbit_per_second; /* UINT32_MAX where the driver does not know */
	uint8_t up;
	uint8_t full_duplex;
};

/* Asks for the state of a link without waiting. 0, or a negative errno. */
int shim_link(uint16_t port, struct shim_link *link);

/* Frees frames of any pools; NULL among them is skipped. */
void shim_mbuf_free_bulk(struct rte_mbuf **frames, unsigned int count);

uint16_t shim_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **frames, uint16_t count);
uint16_t shim_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **frames, uint16_t count);

/* NULL when the pool is empty. */
struct rte_mbuf *shim_mbuf_alloc(struct rte_mempool *pool);
/* 0 for all of them, else a negative errno and none. */
int shim_mbuf_alloc_bulk(struct rte_mempool *pool, struct rte_mbuf **frames, unsigned int count);
void shim_mbuf_free(struct rte_mbuf *frame);

/* Single producer, single consumer. */
unsigned int shim_ring_enqueue_burst(struct rte_ring *ring, struct rte_mbuf **frames,
				     unsigned int count);
unsigned int shim_ring_dequeue_burst(struct rte_ring *ring, struct rte_mbuf **frames,
				     unsigned int count);
unsigned int shim_ring_count(const struct rte_ring *ring);

#endif
