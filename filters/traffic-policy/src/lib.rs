//! traffic-policy
