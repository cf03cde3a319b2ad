/** The laws of a store in Debian's Redis. */
import { storeLaws } from "./storeLaws.ts"

storeLaws("redis-server")
