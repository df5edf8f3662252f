-- What somebody would write to fetch what a page shows, by page. {scope} is what the reader may see, of the row t;
-- %(pk)s is the record. Statements end with a semicolon.

-- [home seller]
SELECT t.id, t.version, t.subject, t.kind, t.due_at, a.name, c.name, l.name, d.name, u.name, count(*) OVER ()
FROM activities_activity t
LEFT JOIN customers_account a ON a.id = t.account_id
LEFT JOIN customers_contact c ON c.id = t.contact_id
LEFT JOIN leads_lead l ON l.id = t.lead_id
LEFT JOIN sales_deal d ON d.id = t.deal_id
LEFT JOIN base_user u ON u.id = t.owner_id
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'planned' AND t.due_at < (now() AT TIME ZONE
    'Asia/Shanghai')::date
ORDER BY t.due_at LIMIT 8;
SELECT t.id, t.version, t.subject, t.kind, t.due_at, a.name, c.name, l.name, d.name, u.name, count(*) OVER ()
FROM activities_activity t
LEFT JOIN customers_account a ON a.id = t.account_id
LEFT JOIN customers_contact c ON c.id = t.contact_id
LEFT JOIN leads_lead l ON l.id = t.lead_id
LEFT JOIN sales_deal d ON d.id = t.deal_id
LEFT JOIN base_user u ON u.id = t.owner_id
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'planned' AND t.due_at >= (now() AT TIME ZONE
    'Asia/Shanghai')::date AND t.due_at < (now() AT TIME ZONE 'Asia/Shanghai')::date + 1
ORDER BY t.due_at LIMIT 8;
SELECT count(*), sum(t.amount), sum(round(t.amount * t.probability / 100, 2))
FROM sales_deal t
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'won' AND t.closed_on >= date_trunc('month', now() AT TIME
    ZONE 'Asia/Shanghai');
SELECT count(*), sum(t.amount), sum(round(t.amount * t.probability / 100, 2))
FROM sales_deal t
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'open';
SELECT count(*), sum(t.amount), sum(round(t.amount * t.probability / 100, 2))
FROM sales_deal t
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'open' AND t.expected_on >= date_trunc('month', now() AT TIME
    ZONE 'Asia/Shanghai') AND t.expected_on < date_trunc('month', now() AT TIME ZONE 'Asia/Shanghai') + interval '1 month';
SELECT t.id, t.version, t.name, t.amount, a.name, s.labels, u.name, t.expected_on, t.next_follow_up_on,
    extract(day FROM now() - t.stage_at) - s.days_allowed, count(*) OVER ()
FROM sales_deal t JOIN engine_stage s ON s.id = t.stage_id
LEFT JOIN customers_account a ON a.id = t.account_id
LEFT JOIN base_user u ON u.id = t.owner_id
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'open' AND t.next_follow_up_on IS NULL
ORDER BY t.amount DESC NULLS LAST LIMIT 6;
SELECT t.id, t.name, t.phone, t.source, t.created_at, count(*) OVER ()
FROM leads_lead t
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'open' AND t.last_contact_at IS NULL
ORDER BY t.created_at LIMIT 6;

-- [home manager]
SELECT count(*), sum(t.amount), sum(round(t.amount * t.probability / 100, 2))
FROM sales_deal t
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'won' AND t.closed_on >= date_trunc('month', now() AT TIME
    ZONE 'Asia/Shanghai');
SELECT count(*), sum(t.amount), sum(round(t.amount * t.probability / 100, 2))
FROM sales_deal t
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'open';
SELECT t.id, t.version, t.name, t.amount, a.name, s.labels, u.name, t.expected_on, t.next_follow_up_on,
    extract(day FROM now() - t.stage_at) - s.days_allowed, count(*) OVER ()
FROM sales_deal t JOIN engine_stage s ON s.id = t.stage_id
LEFT JOIN customers_account a ON a.id = t.account_id
LEFT JOIN base_user u ON u.id = t.owner_id
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'open' AND extract(day FROM now() - t.stage_at) > s.days_allowed
ORDER BY t.amount DESC NULLS LAST LIMIT 6;
SELECT t.id, t.version, t.subject, t.kind, t.due_at, a.name, c.name, l.name, d.name, u.name, count(*) OVER ()
FROM activities_activity t
LEFT JOIN customers_account a ON a.id = t.account_id
LEFT JOIN customers_contact c ON c.id = t.contact_id
LEFT JOIN leads_lead l ON l.id = t.lead_id
LEFT JOIN sales_deal d ON d.id = t.deal_id
LEFT JOIN base_user u ON u.id = t.owner_id
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'planned' AND t.due_at < (now() AT TIME ZONE
    'Asia/Shanghai')::date
ORDER BY t.due_at LIMIT 6;
SELECT t.id, t.version, t.name, t.amount, a.name, s.labels, u.name, t.expected_on, t.next_follow_up_on,
    extract(day FROM now() - t.stage_at) - s.days_allowed, count(*) OVER ()
FROM sales_deal t JOIN engine_stage s ON s.id = t.stage_id
LEFT JOIN customers_account a ON a.id = t.account_id
LEFT JOIN base_user u ON u.id = t.owner_id
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'open' AND t.next_follow_up_on IS NULL
ORDER BY t.amount DESC NULLS LAST LIMIT 5;
SELECT count(*)
FROM leads_lead t
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'open' AND t.last_contact_at IS NULL;
SELECT t.stage_id, count(*), sum(t.amount)
FROM sales_deal t
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'open'
GROUP BY 1;
SELECT t.department_id, t.owner_id, u.name, count(*) FILTER (WHERE t.status = 'won'), count(*), sum(t.amount) FILTER
    (WHERE t.status = 'won')
FROM sales_deal t
LEFT JOIN base_user u ON u.id = t.owner_id
WHERE t.deleted_at IS NULL AND {scope} AND t.status <> 'open' AND t.closed_on >= date_trunc('quarter', now() AT TIME
    ZONE 'Asia/Shanghai')
GROUP BY 1, 2, 3;

-- [home executive]
SELECT count(*), sum(t.amount), sum(round(t.amount * t.probability / 100, 2))
FROM sales_deal t
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'won' AND t.closed_on >= date_trunc('month', now() AT TIME
    ZONE 'Asia/Shanghai');
SELECT count(*), sum(t.amount), sum(round(t.amount * t.probability / 100, 2))
FROM sales_deal t
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'won' AND t.closed_on >= date_trunc('month', now() AT TIME
    ZONE 'Asia/Shanghai') - interval '1 month';
SELECT count(*), sum(t.amount), sum(round(t.amount * t.probability / 100, 2))
FROM sales_deal t
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'won' AND t.closed_on >= date_trunc('quarter', now() AT TIME
    ZONE 'Asia/Shanghai');
SELECT count(*), sum(t.amount), sum(round(t.amount * t.probability / 100, 2))
FROM sales_deal t
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'won' AND t.closed_on >= date_trunc('quarter', now() AT TIME
    ZONE 'Asia/Shanghai') - interval '3 months';
SELECT count(*), sum(t.amount), sum(round(t.amount * t.probability / 100, 2))
FROM sales_deal t
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'open';
SELECT t.forecast, count(*), sum(t.amount)
FROM sales_deal t
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'open' AND t.expected_on < date_trunc('quarter', now() AT TIME
    ZONE 'Asia/Shanghai') + interval '3 months'
GROUP BY 1;
SELECT count(*), sum(t.amount), sum(round(t.amount * t.probability / 100, 2))
FROM sales_deal t
WHERE t.deleted_at IS NULL AND {scope} AND t.created_at >= (now() AT TIME ZONE 'Asia/Shanghai')::date - 6;
SELECT count(*), sum(t.amount), sum(round(t.amount * t.probability / 100, 2))
FROM sales_deal t
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'open' AND t.stage_at >= (now() AT TIME ZONE
    'Asia/Shanghai')::date - 6 AND t.created_at < (now() AT TIME ZONE 'Asia/Shanghai')::date - 6;
SELECT count(*), sum(t.amount), sum(round(t.amount * t.probability / 100, 2))
FROM sales_deal t
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'won' AND t.closed_on >= (now() AT TIME ZONE
    'Asia/Shanghai')::date - 6;
SELECT count(*), sum(t.amount), sum(round(t.amount * t.probability / 100, 2))
FROM sales_deal t
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'lost' AND t.closed_on >= (now() AT TIME ZONE
    'Asia/Shanghai')::date - 6;
SELECT t.id, t.version, t.name, t.amount, a.name, s.labels, u.name, t.expected_on, t.next_follow_up_on,
    extract(day FROM now() - t.stage_at) - s.days_allowed, count(*) OVER ()
FROM sales_deal t JOIN engine_stage s ON s.id = t.stage_id
LEFT JOIN customers_account a ON a.id = t.account_id
LEFT JOIN base_user u ON u.id = t.owner_id
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'open' AND (t.next_follow_up_on IS NULL OR t.expected_on <
    (now() AT TIME ZONE 'Asia/Shanghai')::date OR extract(day FROM now() - t.stage_at) > s.days_allowed)
ORDER BY t.amount DESC NULLS LAST LIMIT 5;
SELECT t.department_id, t.owner_id, u.name, count(*) FILTER (WHERE t.status = 'won'), count(*), sum(t.amount) FILTER
    (WHERE t.status = 'won')
FROM sales_deal t
LEFT JOIN base_user u ON u.id = t.owner_id
WHERE t.deleted_at IS NULL AND {scope} AND t.status <> 'open' AND t.closed_on >= date_trunc('quarter', now() AT TIME
    ZONE 'Asia/Shanghai')
GROUP BY 1, 2, 3;
SELECT id, name
FROM base_department;

-- [home admin]
SELECT count(*), count(*) FILTER (WHERE department_id IS NULL), count(*) FILTER (WHERE roles = '{}')
FROM base_user
WHERE is_active AND deleted_at IS NULL;
SELECT count(*)
FROM engine_pipeline
WHERE is_current AND deleted_at IS NULL;
SELECT (SELECT count(*)
FROM customers_account
WHERE owner_id IS NULL AND deleted_at IS NULL), (SELECT count(*)
FROM leads_lead
WHERE owner_id IS NULL AND deleted_at IS NULL), (SELECT count(*)
FROM sales_deal
WHERE owner_id IS NULL AND deleted_at IS NULL);
SELECT count(*)
FROM procrastinate_jobs
WHERE status = 'failed';
SELECT j.*, u.name
FROM engine_job j JOIN base_user u ON u.id = j.user_id
WHERE j.deleted_at IS NULL
ORDER BY j.created_at DESC LIMIT 8;

-- [list deal]
SELECT t.id, t.version, t.name, a.name, s.labels, t.amount, t.probability, t.expected_on, u.name,
    t.next_follow_up_on, extract(day FROM now() - t.stage_at)::int
FROM sales_deal t
LEFT JOIN customers_account a ON a.id = t.account_id
LEFT JOIN engine_stage s ON s.id = t.stage_id
LEFT JOIN base_user u ON u.id = t.owner_id
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'open'
ORDER BY t.expected_on NULLS LAST LIMIT 50;
SELECT count(*)
FROM (SELECT 1
FROM sales_deal t
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'open' LIMIT 10001) x;
SELECT count(*), sum(t.amount), sum(round(t.amount * t.probability / 100, 2))
FROM sales_deal t
WHERE t.deleted_at IS NULL AND {scope} AND t.status = 'open';

-- [list account]
SELECT t.id, t.version, t.name, t.tier, t.status, t.phone, t.region, t.industry, u.name, t.last_contact_at,
    t.next_follow_up_on
FROM customers_account t
LEFT JOIN base_user u ON u.id = t.owner_id
WHERE t.deleted_at IS NULL AND {scope}
ORDER BY t.updated_at DESC, t.id DESC LIMIT 50;
SELECT count(*)
FROM (SELECT 1
FROM customers_account t
WHERE t.deleted_at IS NULL AND {scope} LIMIT 10001) x;
SELECT sum(t.prior_sales)
FROM customers_account t
WHERE t.deleted_at IS NULL AND {scope};

-- [board]
SELECT id, labels, status, tone
FROM engine_stage
WHERE pipeline_id = (SELECT id
FROM engine_pipeline
WHERE entity = 'deal' AND is_current AND is_default) AND deleted_at IS NULL
ORDER BY "order";
SELECT t.stage_id, count(*), sum(t.amount), sum(round(t.amount * t.probability / 100, 2))
FROM sales_deal t
WHERE t.deleted_at IS NULL AND {scope} AND (t.status = 'open' OR t.closed_at > now() - interval '90 days')
GROUP BY t.stage_id;
SELECT x.*, a.name, u.name
FROM (SELECT t.id, t.version, t.name, t.amount, t.account_id, t.owner_id, t.next_follow_up_on, t.stage_id,
    t.stage_at, row_number() OVER (PARTITION BY t.stage_id
ORDER BY t.stage_at DESC) AS n
FROM sales_deal t
WHERE t.deleted_at IS NULL AND {scope} AND (t.status = 'open' OR t.closed_at > now() - interval '90 days')) x
LEFT JOIN customers_account a ON a.id = x.account_id
LEFT JOIN base_user u ON u.id = x.owner_id
WHERE x.n <= 30;

-- [record]
SELECT t.*, u.name, d.name, p.name, c.name
FROM customers_account t
LEFT JOIN base_user u ON u.id = t.owner_id
LEFT JOIN base_department d ON d.id = t.department_id
LEFT JOIN customers_account p ON p.id = t.parent_id
LEFT JOIN base_user c ON c.id = t.created_by_id
WHERE t.id = %(pk)s AND t.deleted_at IS NULL AND {scope};
SELECT x.id, x.name, x.position, x.role, x.phone, x.attitude, count(*) OVER ()
FROM customers_contact x
WHERE x.account_id = %(pk)s AND x.deleted_at IS NULL
ORDER BY x.updated_at DESC LIMIT 5;
SELECT x.id, x.name, s.labels, x.amount, x.expected_on, u.name, count(*) OVER ()
FROM sales_deal x JOIN engine_stage s ON s.id = x.stage_id
LEFT JOIN base_user u ON u.id = x.owner_id
WHERE x.account_id = %(pk)s AND x.deleted_at IS NULL
ORDER BY x.updated_at DESC LIMIT 5;
SELECT x.id, x.kind, x.value, x.label, x.is_primary, x.is_valid, count(*) OVER ()
FROM customers_contactpoint x
WHERE x.account_id = %(pk)s AND x.deleted_at IS NULL
ORDER BY x.updated_at DESC LIMIT 5;
SELECT x.id, x.kind, x.region, x.detail, x.receiver, x.phone, count(*) OVER ()
FROM customers_address x
WHERE x.account_id = %(pk)s AND x.deleted_at IS NULL
ORDER BY x.updated_at DESC LIMIT 5;
SELECT x.id, c.name, x.kind, x.position, x.from_on, x.to_on, count(*) OVER ()
FROM customers_affiliation x JOIN customers_contact c ON c.id = x.contact_id
WHERE x.account_id = %(pk)s AND x.deleted_at IS NULL
ORDER BY x.updated_at DESC LIMIT 5;
SELECT x.id, x.name, x.tier, x.status, count(*) OVER ()
FROM customers_account x
WHERE x.parent_id = %(pk)s AND x.deleted_at IS NULL
ORDER BY x.updated_at DESC LIMIT 5;
SELECT x.id, x.name, x.source, x.converted_at, count(*) OVER ()
FROM leads_lead x
WHERE x.account_id = %(pk)s AND x.deleted_at IS NULL
ORDER BY x.updated_at DESC LIMIT 5;
SELECT x.id, x.kind, x.subject, x.status, x.due_at, x.done_at, count(*) OVER ()
FROM activities_activity x
WHERE x.account_id = %(pk)s AND x.deleted_at IS NULL
ORDER BY x.updated_at DESC LIMIT 5;
SELECT x.id, x.name, x.size, count(*) OVER ()
FROM engine_storedfile x
WHERE x.record = %(pk)s AND x.deleted_at IS NULL
ORDER BY x.updated_at DESC LIMIT 5;
SELECT x.*, u.name, c.name, d.name
FROM activities_activity x
LEFT JOIN base_user u ON u.id = x.owner_id
LEFT JOIN customers_contact c ON c.id = x.contact_id
LEFT JOIN sales_deal d ON d.id = x.deal_id
WHERE x.account_id = %(pk)s AND x.deleted_at IS NULL
ORDER BY coalesce(x.done_at, x.due_at) DESC LIMIT 80;
SELECT h.at, h.action, h.changes, u.name
FROM engine_history h
LEFT JOIN base_user u ON u.id = h.actor
WHERE h.record = %(pk)s
ORDER BY h.id DESC LIMIT 60;
SELECT p.from_at, p.reason, o.name, b.name
FROM engine_ownerperiod p
LEFT JOIN base_user o ON o.id = p.owner_id
LEFT JOIN base_user b ON b.id = p.by_id
WHERE p.record = %(pk)s
ORDER BY p.from_at;
